/**
 * Least privilege for a meter that was started as root: an unprivileged user, and of root's capabilities only the two
 * that reading an interface and its WireGuard peers take. Called before the first packet is read.
 *
 * Capabilities belong to threads. setuid(2) changes all threads, and takes the capabilities of those that did not
 * ask to keep them: Node's own helper threads end up with none, the calling thread keeps the two, and every thread
 * that it starts later (the capture thread, libuv's pool, the spool's writer) inherits those.
 */
import { chownSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, EXIT } from './errors.js'
import { libc } from './libc.js'

const CAP_NET_ADMIN = 12
const CAP_NET_RAW = 13
const CAP_LAST = 63
const KEPT = (1 << CAP_NET_ADMIN) | (1 << CAP_NET_RAW)

const PR_SET_KEEPCAPS = 8
const PR_CAPBSET_DROP = 24
const PR_SET_NO_NEW_PRIVS = 38
const CAPABILITY_VERSION_3 = 0x20080522

export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

export function isRoot(): boolean {
  return process.geteuid?.() === 0
}

/** By name, from passwd(5); null when there is none. */
export function findAccount(name: string): Account | null {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((l) => l.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  return uid === undefined || gid === undefined
    ? null
    : { name, uid: Number(uid), gid: Number(gid) }
}

/** @throws AppError PRIVILEGES when the kernel refuses. */
export function dropPrivileges(account: Account): void {
  check('prctl(PR_SET_KEEPCAPS)', libc('prctl')(PR_SET_KEEPCAPS, 1, 0, 0, 0))
  for (let cap = 0; cap <= CAP_LAST; cap++) {
    // Numbers that the kernel does not know fail, and that is as good.
    if (((KEPT >> cap) & 1) === 0 || cap > 31) libc('prctl')(PR_CAPBSET_DROP, cap, 0, 0, 0)
  }
  if (account.uid !== 0) {
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

/** Gives what is in a directory to the account that is to write it. */
export function giveDirectory(path: string, account: Account): void {
  if (statSync(path).uid !== account.uid) chownSync(path, account.uid, account.gid)
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const child = join(path, entry.name)
    if (entry.isDirectory()) giveDirectory(child, account)
    else if (entry.isFile()) chownSync(child, account.uid, account.gid)
  }
}

function check(what: string, result: number): void {
  if (result === 0) return
  throw new AppError('PRIVILEGES', `${what} failed: cannot give up root’s privileges`, {
    hint: 'Inside a container this may be forbidden: run it as a user with CAP_NET_RAW and CAP_NET_ADMIN instead.',
    exitCode: EXIT.failed,
  })
}
