/**
 * Least privilege for a meter that starts as root: an unprivileged user, and only the two
 * capabilities that reading an interface and its WireGuard peers needs. Called before the first
 * packet is read.
 *
 * Capabilities, the bounding set and no_new_privs belong to threads, and Node has started some
 * threads by then. So this module narrows the bounding set, sets no_new_privs and starts the
 * program again; then every thread begins with both.
 *
 * To become another user, the program keeps its rights over that start through the inheritable set,
 * which the bounding set does not limit. It reads its files as root once more and then changes its
 * user. setuid(2) takes the capabilities of all threads except the calling one. That thread keeps
 * the two, and so do threads that it starts later (the capture thread, the spool's writer).
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError, EXIT, messageOf } from './errors.js'
import { libc } from './libc.js'

const CAP_SETUID = 7
const CAP_SETPCAP = 8
const CAP_NET_ADMIN = 12
const CAP_NET_RAW = 13
const KEPT = (1n << BigInt(CAP_NET_ADMIN)) | (1n << BigInt(CAP_NET_RAW))

const PR_SET_KEEPCAPS = 8
const PR_CAPBSET_DROP = 24
const PR_SET_NO_NEW_PRIVS = 38
const PR_CAP_AMBIENT = 47
const PR_CAP_AMBIENT_RAISE = 2
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

/**
 * False in a container without that right, and after the program started itself again to stay root.
 */
export function mayChangeUser(): boolean {
  return (ownStatus().effective & (1n << BigInt(CAP_SETUID))) !== 0n
}

function statusText(): string {
  try {
    return readFileSync('/proc/thread-self/status', 'utf8')
  } catch (error) {
    throw new AppError(
      'NO_PROC',
      `the rights of this process cannot be read: ${messageOf(error)}`,
      {
        hint: 'Mount /proc, in a chroot or container, too: mount -t proc proc /proc.',
        cause: error,
      },
    )
  }
}

/** The calling thread's status; capabilities are masks. */
function ownStatus() {
  const text = statusText()
  const field = (name: string) => new RegExp(`^${name}:\\s*([0-9a-f]+)`, 'm').exec(text)?.[1] ?? '0'
  const mask = (name: string) => BigInt(`0x${field(name)}`)
  return {
    permitted: mask('CapPrm'),
    effective: mask('CapEff'),
    inheritable: mask('CapInh'),
    bounding: mask('CapBnd'),
    hasNoNewPrivs: field('NoNewPrivs') === '1',
  }
}

export const ROOT: Account = { name: 'root', uid: 0, gid: 0 }
/** systemd's range for users without an entry in passwd(5) (UIDS-GIDS.md). */
const UNNAMED_FIRST = 64_000
const UNNAMED_LAST = 65_519

/** Finds an account by name in passwd(5); null when there is none. */
export function findAccount(name: string): Account | null {
  const [, , uid, gid] = entries('/etc/passwd').find(([n]) => n === name) ?? []
  return uid === undefined || gid === undefined
    ? null
    : { name, uid: Number(uid), gid: Number(gid) }
}

/**
 * For a system without a user for tunmeter: an account that has no name and owns nothing. Root if
 * that account could not read the program, for example when it is installed below /root.
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

/** True when other users may read the file and enter all directories above it. */
function othersMayRead(path: string): boolean {
  if ((statSync(path).mode & 0o004) === 0) return false
  for (let at = dirname(path); ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false
    if (at === dirname(at)) return true
  }
}

/**
 * Drops the privileges. Instead of returning it may start the program again, in this process and
 * with the same arguments.
 * @throws AppError PRIVILEGES when the kernel refuses.
 */
export function dropPrivileges(account: Account): void {
  narrowEveryThread(account.uid !== 0)
  const { permitted, effective } = ownStatus()
  // A container may have fewer.
  const kept = permitted & KEPT
  // The systemd unit has taken all others already, and its sandbox forbids capset(2).
  if (account.uid === 0 && permitted === kept && effective === kept) return
  check('prctl(PR_SET_KEEPCAPS)', libc('prctl')(PR_SET_KEEPCAPS, 1, 0, 0, 0))
  if (account.uid !== 0) {
    process.setgroups?.([account.gid])
    process.setgid?.(account.gid)
    process.setuid?.(account.uid)
  }
  setCapabilities({ effective: kept, permitted: kept, inheritable: 0n })
}

/**
 * Makes those of the two capabilities effective that are only permitted. An image's program has its
 * file capabilities as permitted only, so that it also starts in a container without them, and can
 * say so. Call it before the threads that need them start.
 */
export function raiseCapabilities(): void {
  const { permitted, effective, inheritable } = ownStatus()
  const wanted = effective | (permitted & KEPT)
  if (wanted !== effective) setCapabilities({ effective: wanted, permitted, inheritable })
}

/**
 * For a meter that was not started as root: removes all rights beyond reading packets and peers.
 */
export function narrowOrdinaryUser(): void {
  if (ownStatus().permitted !== 0n) narrowEveryThread(true)
}

/**
 * No program that a thread starts gets more than the two capabilities, or more than the thread has.
 * @param keepsRights this thread's rights hold after the start as well
 */
function narrowEveryThread(keepsRights: boolean): void {
  const { permitted, bounding, hasNoNewPrivs } = ownStatus()
  const surplus = bounding & ~KEPT
  const narrows = surplus !== 0n && (permitted & (1n << BigInt(CAP_SETPCAP))) !== 0n
  if (hasNoNewPrivs && !narrows) return
  // Before the bounding set is narrowed, because nothing outside it can be added afterwards.
  const inheritable = keepsRights ? permitted : 0n
  setCapabilities({ effective: permitted, permitted, inheritable })
  if (!isRoot()) raiseAmbient(inheritable)
  for (let cap = 0; narrows && surplus >> BigInt(cap) !== 0n; cap++) {
    if (((surplus >> BigInt(cap)) & 1n) === 0n) continue
    check('prctl(PR_CAPBSET_DROP)', libc('prctl')(PR_CAPBSET_DROP, cap, 0, 0, 0))
  }
  check('prctl(PR_SET_NO_NEW_PRIVS)', libc('prctl')(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
  startAgain()
}

/** Sets the calling thread's capabilities. */
function setCapabilities(sets: {
  effective: bigint
  permitted: bigint
  inheritable: bigint
}): void {
  const header = Buffer.alloc(8)
  header.writeUInt32LE(CAPABILITY_VERSION_3, 0)
  // Two words each of effective, permitted and inheritable, the lower words first.
  const data = Buffer.alloc(24)
  for (const [place, mask] of [sets.effective, sets.permitted, sets.inheritable].entries()) {
    data.writeUInt32LE(Number(mask & 0xffffffffn), place * 4)
    data.writeUInt32LE(Number(mask >> 32n), 12 + place * 4)
  }
  check('capset', libc('capset')(header, data))
}

/** Keeps capabilities for an ordinary user over a program's start. */
function raiseAmbient(mask: bigint): void {
  for (const cap of [CAP_NET_ADMIN, CAP_NET_RAW])
    if ((mask >> BigInt(cap)) & 1n)
      check('prctl(PR_CAP_AMBIENT)', libc('prctl')(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0))
}

/** Starts the program again. Its other threads end, and so do their capabilities. */
function startAgain(): void {
  const { execPath, execArgv, argv } = process
  // Node marks them to be closed in programs that it does not start itself.
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
