/** The lmdb file of control.ts: whether it is there, and opening it with an error that says what to do. */

import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import { AppError, messageOf } from '../../base/errors.js'
import { makeDirectory } from '../../base/private-files.js'

const FILE = 'control.mdb'
/** Address space, not disk: the audit trail takes at most a quarter of it (audit.ts). */
const MAP_BYTES = 1024 * 2 ** 20
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
    makeDirectory(directory)
    // LMDB trusts its file: opening another one ends the process.
    if (existsSync(path) && !isControlFile(path)) throw new Error(`${FILE} is damaged`)
    return open({ path, maxDbs: 32, mapSize: MAP_BYTES })
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

/** For a write that may be lost. The error of a failed commit carries a promise that is rejected, too. */
export function ignoreFailure(writing: Promise<unknown>): void {
  const ignore = () => undefined
  writing.catch((error: { commitError?: Promise<never> }) => error.commitError?.catch(ignore))
}

/** STORE_FULL, DATA_UNUSABLE; what is no failure of the file stays as it is. */
export function commitFault(cause: unknown): unknown {
  if (cause instanceof AppError) return cause
  // LMDB words the system's errors; MDB_MAP_FULL is its own bound, MAP_BYTES.
  if (/no space|MDB_MAP_FULL|quota/i.test(messageOf(cause))) {
    return new AppError('STORE_FULL', `there is no space for ${FILE}`, {
      hint: 'Nothing was changed. Free some space and try again.',
      cause,
    })
  }
  return new AppError('DATA_UNUSABLE', `cannot write ${FILE}: ${messageOf(cause)}`, { cause })
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
