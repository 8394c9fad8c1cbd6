/**
 * The LMDB environment of a spool. A failed transaction is one exception.
 *
 * lmdb reports a failed commit (disk full, I/O error) on the transaction, on each operation in it and on an inner
 * promise. This module silences all but the first, because unhandled rejections would end the process. It does not
 * use transactionSync(), because after a failed commit that reports commits that never happen (lmdb 3.5).
 */

import { type Database, open, type RootDatabase } from 'lmdb'
import { AppError, messageOf } from '../../base/errors.js'
import { makeDirectory } from '../../base/private-files.js'
import type { BatchGap } from '../../session/batch.js'

export interface Writer {
  put<V>(table: Database<V, number | string>, key: number | string, value: V): void
  remove(table: Database<never, number | string> | AnyTable, key: number | string): void
}

type AnyTable = Database<unknown, number> | Database<Buffer, number> | Database<BatchGap, number>

export interface StoreFile {
  readonly batches: Database<unknown, number>
  /** Named `aside` on disk. */
  readonly quarantine: Database<unknown, number>
  readonly bodies: Database<Buffer, number>
  readonly gaps: Database<BatchGap, number>
  readonly meta: Database<unknown, string>
  /** All of it is durable on resolve, none of it stored on reject. `work` must not throw after its first write. */
  write(work: (writer: Writer) => void): Promise<void>
  close(): Promise<void>
}

function quiet(promise: unknown): void {
  if (promise instanceof Promise) promise.catch(() => undefined)
}

/** @param mapBytes address space, not disk; twice the spool's bound leaves room for fragmentation */
export function openStoreFile(directory: string, mapBytes: number, readOnly = false): StoreFile {
  makeDirectory(directory)
  const root: RootDatabase<unknown, string> = open({
    path: directory,
    noSubdir: false,
    maxDbs: 8,
    mapSize: mapBytes,
    // The spool promises durability, so a commit must include its fsync.
    overlappingSync: false,
    commitDelay: 0,
    // With batching lmdb makes one more promise that no caller gets; its rejection would end the process.
    eventTurnBatching: false,
    encoding: 'json',
    readOnly,
  })
  const table = <V, K extends number | string>(name: string, encoding: 'json' | 'binary') =>
    root.openDB<V, K>({ name, encoding })
  return {
    batches: table<unknown, number>('batches', 'json'),
    quarantine: table<unknown, number>('aside', 'json'),
    bodies: table<Buffer, number>('bodies', 'binary'),
    gaps: table<BatchGap, number>('gaps', 'json'),
    meta: table<unknown, string>('meta', 'json'),
    write: (work) => commit(root, work),
    close: () => root.close(),
  }
}

async function commit(root: RootDatabase, work: (writer: Writer) => void): Promise<void> {
  const writer: Writer = {
    put: (table, key, value) => quiet(table.put(key, value)),
    remove: (table, key) => quiet(table.remove(key as never)),
  }
  try {
    await root.transaction(() => work(writer))
  } catch (error) {
    quiet((error as { commitError?: unknown }).commitError)
    throw new AppError('SPOOL_WRITE_FAILED', `cannot write to the spool: ${messageOf(error)}`, {
      cause: error,
    })
  }
}
