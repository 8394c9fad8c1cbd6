/**
 * A lock for one process on a file: flock(2). The kernel releases it when the process ends in any
 * way, so no lock is stale. It also works across containers that share the directory, where a pid
 * would mean nothing.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { libc } from './libc.js'

const LOCK_EX = 2
const LOCK_NB = 4

export interface FileLock {
  release(): void
}

/**
 * @param taken makes the error to throw when another process has the lock, from that process'
 * `owner` text
 */
export function lockFile(path: string, owner: string, taken: (holder: string) => Error): FileLock {
  const fd = openSync(path, 'a+', 0o600)
  if (libc('flock')(fd, LOCK_EX | LOCK_NB) !== 0) {
    const holder = readFileSync(path, 'utf8').trim()
    closeSync(fd)
    throw taken(holder)
  }
  ftruncateSync(fd, 0)
  writeSync(fd, `${owner}\n`)
  return { release: () => closeSync(fd) }
}
