/** The lmdb file of store/control.ts: whether it is there, and opening it with an error that says what to do. */
import { closeSync, existsSync, mkdirSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import { AppError, messageOf } from '../../base/errors.js'

const FILE = 'control.mdb'
const MAP_BYTES = 256 * 2 ** 20
/** Where LMDB writes its magic number in the first page. */
const MAGIC_AT = 24
const MAGIC = 0xbeefc0de

export function controlExists(directory: string): boolean {
  return existsSync(join(directory, FILE))
}

/** Makes directory and file when they are new. @throws AppError DATA_UNUSABLE */
export function openControlFile(directory: string): RootDatabase {
  const path = join(directory, FILE)
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    // LMDB trusts its file: opening another one ends the process.
    if (existsSync(path) && !isControlFile(path)) throw new Error(`${FILE} is damaged`)
    return open({ path, maxDbs: 4, mapSize: MAP_BYTES })
  } catch (error) {
    throw new AppError(
      'DATA_UNUSABLE',
      `cannot use the data directory ${directory}: ${reason(error)}`,
      {
        hint: 'Give a directory that this user may write: --data DIR. A damaged file comes back from a backup.',
        cause: error,
      },
    )
  }
}

function isControlFile(path: string): boolean {
  const file = openSync(path, 'r')
  try {
    const start = Buffer.alloc(MAGIC_AT + 4)
    const bytes = readSync(file, start, 0, start.length, 0)
    // Empty: it was being made when its maker ended.
    return bytes === 0 || (bytes === start.length && start.readUInt32LE(MAGIC_AT) === MAGIC)
  } finally {
    closeSync(file)
  }
}

function reason(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'EEXIST' || code === 'ENOTDIR') return 'it is not a directory'
  return messageOf(error)
}
