/**
 * One meter to a spool: flock(2) on DIR/lock. The kernel lets go of it when the process ends, however it ends, so
 * there is no stale lock; it holds across containers that share the directory, where a pid would mean nothing.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { AppError } from '../../base/errors.js'
import { libc } from '../../base/libc.js'

const LOCK_EX = 2
const LOCK_NB = 4

export interface DirectoryLock {
  release(): void
}

/** @throws AppError SPOOL_LOCKED */
export function lockDirectory(path: string, owner: string): DirectoryLock {
  const fd = openSync(path, 'a+', 0o600)
  if (libc('flock')(fd, LOCK_EX | LOCK_NB) !== 0) {
    const holder = readFileSync(path, 'utf8').trim()
    closeSync(fd)
    throw new AppError(
      'SPOOL_LOCKED',
      `the spool is in use by another meter${holder === '' ? '' : ` (${holder})`}: ${path}`,
      { hint: 'Stop that one, or give this one a spool of its own: --spool DIR.' },
    )
  }
  ftruncateSync(fd, 0)
  writeSync(fd, `${owner}\n`)
  return { release: () => closeSync(fd) }
}
