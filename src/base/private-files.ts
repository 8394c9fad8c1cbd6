/**
 * Files that only their user may read, such as a server's address or its keys. Another user who may
 * write the directory could put a link in place of such a file, so the directory is checked first.
 * A file is written beside its name and renamed: a link is replaced and never followed.
 */
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { AppError, messageOf } from './errors.js'

const OTHERS_WRITE = 0o002
const STICKY = 0o1000

/**
 * Makes a directory and those above it, for this user alone. Node's own `recursive` never ends
 * below /proc, where a directory that exists refuses a new one with ENOENT, so this goes step by
 * step.
 */
export function makeDirectory(path: string): void {
  const missing: string[] = []
  for (let at = resolve(path); !existsSync(at); at = dirname(at)) missing.push(at)
  for (const at of missing.reverse()) {
    try {
      mkdirSync(at, { mode: 0o700 })
    } catch (error) {
      // Another process has just made it.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

/**
 * Takes the right to write an existing directory from other users.
 * @throws AppError DATA_UNUSABLE
 */
export function closeDirectory(path: string): void {
  if (!existsSync(path)) return
  try {
    const { mode, uid } = statSync(path)
    const me = process.getuid?.() ?? uid
    if ((mode & OTHERS_WRITE) !== 0) {
      // A directory that is shared on purpose, such as /tmp, stays as it is.
      if (uid !== me || (mode & STICKY) !== 0) throw new Error('others may write in it')
      chmodSync(path, mode & 0o7777 & ~OTHERS_WRITE)
    }
    for (const name of readdirSync(path)) {
      const entry = lstatSync(join(path, name))
      if (entry.isSymbolicLink() && entry.uid !== me && entry.uid !== 0)
        throw new Error(`${name} is a link that another user (${entry.uid}) made`)
    }
  } catch (error) {
    throw new AppError('DATA_UNUSABLE', `cannot use the data directory ${path}: ${reason(error)}`, {
      hint: 'Use a directory that only this user may write, such as a new one below it: --data DIR.',
      cause: error,
    })
  }
}

function reason(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOTDIR' ? 'it is not a directory' : messageOf(error)
}

/** Writes a file that this user alone may read and write: the whole file, or nothing. */
export function writePrivateFile(path: string, text: string): void {
  const beside = `${path}.${process.pid}`
  rmSync(beside, { force: true })
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants
  const file = openSync(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  try {
    writeSync(file, text)
    closeSync(file)
    renameSync(beside, path)
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  }
}
