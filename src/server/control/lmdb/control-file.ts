/** The lmdb file of control.ts: opens it, and explains its failures. */

import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import { AppError, messageOf } from '../../../base/errors.js'
import { makeDirectory } from '../../../base/private-files.js'

const FILE = 'control.mdb'
/** Address space, not disk: the audit trail takes at most a quarter of it (audit.ts). */
const MAP_BYTES = 1024 * 2 ** 20
/** The offset of LMDB's magic number in the first page. */
const MAGIC_AT = 24
const MAGIC = 0xbeefc0de

export function controlExists(directory: string): boolean {
  return existsSync(join(directory, FILE))
}

/** Creates directory and file if they are missing. @throws AppError DATA_UNUSABLE */
export function openControlFile(directory: string): RootDatabase {
  const path = join(directory, FILE)
  try {
    makeDirectory(directory)
    // LMDB does not check its file: opening another one crashes the process.
    if (existsSync(path) && !isControlFile(path)) throw new Error(`${FILE} is damaged`)
    return open({ path, maxDbs: 32, mapSize: MAP_BYTES })
  } catch (error) {
    throw new AppError(
      'DATA_UNUSABLE',
      `cannot use the data directory ${directory}: ${reason(error)}`,
      {
        hint: 'Give a directory that this user may write: --data DIR. Restore a damaged file from a backup.',
        cause: error,
      },
    )
  }
}

/**
 * For a write that may be lost. The error of a failed commit has a rejected promise of its own, which is handled too.
 */
export function ignoreFailure(writing: Promise<unknown>): void {
  const ignore = () => undefined
  writing.catch((error: { commitError?: Promise<never> }) => error.commitError?.catch(ignore))
}

/** A failed commit as AppError STORE_FULL or DATA_UNUSABLE. An AppError stays as it is. */
export function commitFault(cause: unknown): unknown {
  if (cause instanceof AppError) return cause
  // A full disk has the system's text; MDB_MAP_FULL means that MAP_BYTES is used up.
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
    // A killed process may have left a new file empty.
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
