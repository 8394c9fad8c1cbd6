/**
 * One process to a file: flock(2). The kernel lets go of it when the process ends, however it ends, so there is no
 * stale lock; it holds across containers that share the directory, where a pid would mean nothing.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { libc } from './libc.js'

const LOCK_EX = 2
const LOCK_NB = 4

export interface FileLock {
  release(): void
}

/** @param taken makes what is thrown when another process has it; it gets what that one wrote about itself. */
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
