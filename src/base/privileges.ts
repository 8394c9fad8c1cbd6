/**
 * Least privilege for a meter that was started as root: an unprivileged user, and of root's capabilities only the two
 * that reading an interface and its WireGuard peers take. Called before the first packet is read.
 *
 * Capabilities belong to threads, and Node has started some by then. A change of user reaches all of them: setuid(2)
 * takes the capabilities of those that did not ask to keep them, the calling thread keeps the two, and every thread
 * that it starts later (the capture thread, the spool's writer) inherits those. Staying root has no such call: there
 * the bounding set is narrowed and the program starts itself again, in which even root gets no more than that set.
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError, EXIT } from './errors.js'
import { libc } from './libc.js'

const CAP_SETUID = 7
const CAP_NET_ADMIN = 12
const CAP_NET_RAW = 13
const CAP_LAST = 63
const KEPT = (1 << CAP_NET_ADMIN) | (1 << CAP_NET_RAW)

const PR_SET_KEEPCAPS = 8
const PR_CAPBSET_READ = 23
const PR_CAPBSET_DROP = 24
const PR_SET_NO_NEW_PRIVS = 38
const F_SETFD = 2
const CAPABILITY_VERSION_3 = 0x20080522

export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

export function isRoot(): boolean {
  return process.geteuid?.() === 0
}

/** False in a container that was given no more, and after the program has started itself again to stay root. */
export function mayChangeUser(): boolean {
  return libc('prctl')(PR_CAPBSET_READ, CAP_SETUID, 0, 0, 0) === 1
}

export const ROOT: Account = { name: 'root', uid: 0, gid: 0 }
/** Of systemd's range for users without an entry in passwd(5) (UIDS-GIDS.md), the first that nobody has. */
const UNNAMED_FIRST = 64_000
const UNNAMED_LAST = 65_519

/** By name, from passwd(5); null when there is none. */
export function findAccount(name: string): Account | null {
  const [, , uid, gid] = entries('/etc/passwd').find(([n]) => n === name) ?? []
  return uid === undefined || gid === undefined
    ? null
    : { name, uid: Number(uid), gid: Number(gid) }
}

/**
 * For a system without a user of ours: one that has no name and owns nothing. Root when it could not read the program
 * itself, as with one that is installed below /root.
 */
export function unnamedAccount(): Account {
  if (!othersMayRead(fileURLToPath(import.meta.url)) || !othersMayRead(process.execPath))
    return ROOT
  const taken = new Set(
    ['/etc/passwd', '/etc/group'].flatMap((file) => entries(file).map(([, , id]) => Number(id))),
  )
  for (let id = UNNAMED_FIRST; id <= UNNAMED_LAST; id++) {
    if (taken.has(id) || existsSync(`/run/systemd/dynamic-uid/${id}`)) continue
    return { name: `user ${id}`, uid: id, gid: id }
  }
  return ROOT
}

function entries(file: string): string[][] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
}

/** The file, and the way to it. */
function othersMayRead(path: string): boolean {
  if ((statSync(path).mode & 0o004) === 0) return false
  for (let at = dirname(path); ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false
    if (at === dirname(at)) return true
  }
}

/**
 * Returns with the privileges gone. For root itself it may not return but start the program again, in this process
 * and with the same arguments.
 * @throws AppError PRIVILEGES when the kernel refuses.
 */
export function dropPrivileges(account: Account): void {
  check('prctl(PR_SET_KEEPCAPS)', libc('prctl')(PR_SET_KEEPCAPS, 1, 0, 0, 0))
  const narrowed = narrowBoundingSet()
  if (account.uid === 0) {
    if (narrowed) startAgain()
  } else {
    process.setgroups?.([account.gid])
    process.setgid?.(account.gid)
    process.setuid?.(account.uid)
  }
  const header = Buffer.alloc(8)
  header.writeUInt32LE(CAPABILITY_VERSION_3, 0)
  // Two words each of effective, permitted and inheritable.
  const data = Buffer.alloc(24)
  data.writeUInt32LE(KEPT, 0)
  data.writeUInt32LE(KEPT, 4)
  check('capset', libc('capset')(header, data))
  check('prctl(PR_SET_NO_NEW_PRIVS)', libc('prctl')(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
}

/**
 * Makes effective what of the two is permitted only: an image's program has file capabilities that way, so that it also
 * starts where a container was given none, and can say so. To be called before the threads that need them start.
 */
export function raiseCapabilities(): void {
  if (!/^CapPrm:\t0*[1-9a-f]/m.test(readFileSync('/proc/self/status', 'latin1'))) return
  const header = Buffer.alloc(8)
  header.writeUInt32LE(CAPABILITY_VERSION_3, 0)
  const data = Buffer.alloc(24)
  check('capget', libc('capget')(header, data))
  const [effective, permitted] = [data.readUInt32LE(0), data.readUInt32LE(4)]
  const wanted = effective | (permitted & KEPT)
  if (wanted === effective) return
  data.writeUInt32LE(wanted >>> 0, 0)
  check('capset', libc('capset')(header, data))
}

/** What no program that this thread starts can have again. True when there was anything to take out. */
function narrowBoundingSet(): boolean {
  let narrowed = false
  for (let cap = 0; cap <= CAP_LAST; cap++) {
    const kept = cap <= 31 && ((KEPT >> cap) & 1) === 1
    // Numbers that the kernel does not know read as -1.
    if (kept || libc('prctl')(PR_CAPBSET_READ, cap, 0, 0, 0) !== 1) continue
    check('prctl(PR_CAPBSET_DROP)', libc('prctl')(PR_CAPBSET_DROP, cap, 0, 0, 0))
    narrowed = true
  }
  return narrowed
}

/** Its other threads end, and with them the capabilities that they had. */
function startAgain(): void {
  const { execPath, execArgv, argv } = process
  // Node closes them in programs that are started behind its back.
  for (const fd of [0, 1, 2]) libc('fcntl')(fd, F_SETFD, 0)
  check('execv', libc('execv')(execPath, [argv[0], ...execArgv, ...argv.slice(1), null]))
}

function check(what: string, result: number): void {
  if (result === 0) return
  throw new AppError('PRIVILEGES', `${what} failed: cannot give up root’s privileges`, {
    hint: 'Inside a container this may be forbidden: run it as a user with CAP_NET_RAW and CAP_NET_ADMIN instead.',
    exitCode: EXIT.failed,
  })
}
