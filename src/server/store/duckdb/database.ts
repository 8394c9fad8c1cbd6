/**
 * The database file: opening, migration, connections.
 *
 * Only one process opens the file (DuckDB locks it). Separate connections write batches (writer.ts), sum up hours
 * (rollup.ts), delete (retention.ts, erasure.ts) and write catalogs; READERS connections read, and each export has its
 * own. A reader sees the state at its start (MVCC) and never waits for a writer.
 *
 * `COMMIT` returns after the write-ahead log is synced. A crash loses nothing committed, because the next open replays
 * that log. The writer decides when to checkpoint.
 */

import { statfsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api'
import { AppError, messageOf } from '../../../base/errors.js'
import { makeDirectory } from '../../../base/private-files.js'
import type { Progress } from '../config.js'
import { FairQueue } from '../fair-queue.js'
import type { Rows } from '../sql/rows.js'
import { int } from '../sql/sql.js'
import { explained } from './errors.js'
import { migrate } from './schema/migrate.js'
import { MACROS } from './schema/schema.js'

const MiB = 2 ** 20
const BLOCK_BYTES = 64 * 1024
/** Reading connections. One organisation alone uses at most half (fair-queue.ts). */
export const READERS = 6
/**
 * Further waiting queries of an organisation are refused with STORE_BUSY. One page of the log makes up to seven
 * queries.
 */
export const ORG_WAITING_MAX = 128
const WAITING_MAX = 1024
/** An export's memory outside of DuckDB's buffers: data chunks, lines, and freed memory that allocators keep. */
const EXPORT_BYTES = 96 * MiB
/** Exports leave everything else at least this much of --store-memory, or three quarters of a small one. */
const LEFT_BYTES_MIN = 256 * MiB
const LEFT_SHARE_MIN = 3 / 4
const SILENCE_US = 600e6
/**
 * A query notices an interruption at its next vector. Between two queries an interruption is lost, so it is repeated.
 */
export const INTERRUPT_EVERY_MS = 20
/** On close, wait at most this long for borrowed connections, then abandon them. */
const CLOSE_WAIT_MS = 5_000

export interface DatabaseOptions {
  readonly directory: string
  readonly memoryBytes: number
  readonly threads: number
  readonly silenceUs?: number
  /** Is told about long work before the store is open. */
  readonly progress?: Progress
}

export type Row = Record<string, DuckDBValue>

export class Database {
  readonly path: string
  readonly #instance: DuckDBInstance
  /** getvariable('silence_us') in SQL. */
  readonly #silenceUs: number
  readonly #idle: DuckDBConnection[] = []
  readonly #connectionsWaitedFor = new FairQueue({
    total: READERS,
    orgWaiting: ORG_WAITING_MAX,
    waiting: WAITING_MAX,
  })
  readonly #opened = new Set<DuckDBConnection>()
  /** Opened connections that a caller has now. */
  readonly #lent = new Set<DuckDBConnection>()
  /** Connections being opened for lend(). */
  #connecting = 0
  #closing = false
  readonly #memoryBytes: number
  #exports = 0
  #limitSet: Promise<unknown> = Promise.resolve()

  private constructor(path: string, instance: DuckDBInstance, options: DatabaseOptions) {
    this.path = path
    this.#instance = instance
    this.#silenceUs = options.silenceUs ?? SILENCE_US
    this.#memoryBytes = options.memoryBytes
  }

  /** @throws AppError STORE_LOCKED, STORE_NEWER, STORE_UNREADABLE */
  static async open(options: DatabaseOptions): Promise<Database> {
    makeDirectory(options.directory)
    const path = join(options.directory, 'sessions.duckdb')
    const instance = await openInstance(path, options)
    const database = new Database(path, instance, options)
    try {
      await database.#migrate(options.progress)
      for (let i = 0; i < READERS; i++) database.#idle.push(await database.connect())
    } catch (error) {
      await database.close()
      throw error
    }
    return database
  }

  async #migrate(progress: Progress = () => undefined): Promise<void> {
    const connection = await this.#instance.connect()
    try {
      await migrate(connection, this.path, progress)
    } finally {
      connection.closeSync()
    }
  }

  /** Opens a connection for the caller alone. It is closed with the database. */
  async connect(): Promise<DuckDBConnection> {
    const connection = await this.#instance.connect()
    this.#opened.add(connection)
    await this.#prepare(connection)
    return connection
  }

  /** Opens a connection that the caller must release(). @throws AppError STORE_CLOSING */
  async lend(): Promise<DuckDBConnection> {
    this.#mustBeOpen()
    this.#connecting++
    const connection = await this.#instance.connect().finally(() => {
      this.#connecting--
    })
    this.#opened.add(connection)
    this.#lent.add(connection)
    try {
      this.#mustBeOpen()
      await this.#prepare(connection)
    } catch (error) {
      this.release(connection)
      throw error
    }
    return connection
  }

  async #prepare(connection: DuckDBConnection): Promise<void> {
    await connection.run(MACROS)
    await connection.run(`SET VARIABLE silence_us = ${int(this.#silenceUs)}::BIGINT`)
  }

  /** Closes a connection from lend(). */
  release(connection: DuckDBConnection): void {
    this.#lent.delete(connection)
    if (this.#opened.delete(connection)) connection.closeSync()
  }

  /**
   * Lends a reading connection. All its queries see one snapshot. `signal` interrupts the running query.
   * @param orgId the organisation whose share of connections is used; '': the server itself
   * @throws AppError STORE_BUSY, STORE_CLOSING
   */
  async read<T>(
    orgId: string,
    work: (c: DuckDBConnection) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    signal?.throwIfAborted()
    const connection = await this.#borrow(orgId, signal)
    const interrupt = () => connection.interrupt()
    try {
      this.#mustBeOpen()
      signal?.throwIfAborted()
      signal?.addEventListener('abort', interrupt)
      await connection.run('BEGIN TRANSACTION READ ONLY')
      try {
        return await work(connection)
      } catch (error) {
        throw explained(error)
      } finally {
        signal?.removeEventListener('abort', interrupt)
        await connection.run('ROLLBACK').catch(() => undefined)
      }
    } finally {
      signal?.removeEventListener('abort', interrupt)
      this.#giveBack(orgId, connection)
    }
  }

  /**
   * Takes the memory of running exports off DuckDB's limit.
   * @param change 1 at the start of an export, -1 at its end
   */
  async countExport(change: 1 | -1, connection: DuckDBConnection): Promise<void> {
    this.#exports += change
    // One after the other: with two at a time, the older value might be set last.
    const set = this.#limitSet.then(() =>
      connection.run(`SET memory_limit = '${this.#limitMiB()}MiB'`),
    )
    // DuckDB refuses a limit below the memory in use; then the old limit stays.
    this.#limitSet = set.catch(() => undefined)
    await this.#limitSet
  }

  #limitMiB(): number {
    const left = Math.min(LEFT_BYTES_MIN, this.#memoryBytes * LEFT_SHARE_MIN)
    return Math.floor(Math.max(this.#memoryBytes - this.#exports * EXPORT_BYTES, left) / MiB)
  }

  #mustBeOpen(): void {
    if (this.#closing) throw new AppError('STORE_CLOSING', 'the server is stopping')
  }

  /** @throws AppError STORE_BUSY */
  async #borrow(orgId: string, signal?: AbortSignal): Promise<DuckDBConnection> {
    const granted = this.#connectionsWaitedFor.take(orgId, signal)
    if (granted === undefined) {
      throw new AppError('STORE_BUSY', 'too many queries are waiting', {
        hint: 'Try again in a few seconds.',
      })
    }
    await granted
    const idle = this.#idle.pop()!
    this.#lent.add(idle)
    return idle
  }

  #giveBack(orgId: string, connection: DuckDBConnection): void {
    this.#lent.delete(connection)
    this.#idle.push(connection)
    this.#connectionsWaitedFor.release(orgId)
  }

  fileBytes(): number {
    return statSync(this.path, { throwIfNoEntry: false })?.size ?? 0
  }

  walBytes(): number {
    return statSync(`${this.path}.wal`, { throwIfNoEntry: false })?.size ?? 0
  }

  /** Free bytes of the database's file system. */
  freeBytes(): number {
    const { bavail, bsize } = statfsSync(dirname(this.path))
    return bavail * bsize
  }

  /** Bytes of the database file that are free for new data. */
  async unusedBytes(): Promise<number> {
    const connection = await this.#instance.connect()
    try {
      const sql = 'SELECT (free_blocks * block_size)::DOUBLE FROM pragma_database_size()'
      const rows = (await connection.runAndReadAll(sql)).getRows()
      return rows.reduce((sum, [bytes]) => sum + (bytes as number), 0)
    } finally {
      connection.closeSync()
    }
  }

  /**
   * Interrupts running queries, and waits up to CLOSE_WAIT_MS (5 s) until they end. A connection that is closed during
   * its query is destroyed inside that query, waits for its own lock for ever, and keeps the process alive.
   */
  async close(): Promise<void> {
    this.#closing = true
    const inUse = () => this.#lent.size + this.#connecting > 0
    for (const until = Date.now() + CLOSE_WAIT_MS; inUse() && Date.now() < until; ) {
      for (const connection of this.#lent) connection.interrupt()
      await setTimeout(INTERRUPT_EVERY_MS)
    }
    for (const connection of this.#opened) if (!this.#lent.has(connection)) connection.closeSync()
    this.#instance.closeSync()
  }
}

async function openInstance(path: string, options: DatabaseOptions): Promise<DuckDBInstance> {
  try {
    return await DuckDBInstance.create(path, {
      memory_limit: `${Math.floor(options.memoryBytes / MiB)}MiB`,
      threads: String(options.threads),
      temp_directory: join(options.directory, 'tmp'),
      // DuckDB never checkpoints by itself: see checkpointer.ts.
      checkpoint_threshold: '1TiB',
      // Applies to new files. A page of scattered rows reads one block for each column and row group. DuckDB's default
      // of 256 KiB would read four times as much, and leave more of the file unused.
      default_block_size: String(BLOCK_BYTES),
      // Rows in order of arrival are nearly in order of time, as zone maps need it.
      preserve_insertion_order: 'true',
      // DuckDB must not fetch extensions from the network.
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    })
  } catch (error) {
    const message = messageOf(error)
    if (/lock on file|Conflicting lock/i.test(message)) {
      const pid = /PID (\d+)/.exec(message)?.[1]
      throw new AppError(
        'STORE_LOCKED',
        `${path} is in use by another process${pid ? ` (PID ${pid})` : ''}`,
        {
          hint: 'Only one tunmeter serve may use a data directory. Stop the other one, or use another --data directory.',
          cause: error,
        },
      )
    }
    if (/version number|newer version|serialization/i.test(message)) {
      throw new AppError('STORE_NEWER', `${path} was written by a newer DuckDB: ${message}`, {
        hint: 'Install the tunmeter version that wrote it, or a later one.',
        cause: error,
      })
    }
    throw new AppError('STORE_UNREADABLE', `cannot open ${path}: ${message}`, {
      hint: 'Check that the directory is writable and has free space. If the file is damaged, restore a backup.',
      cause: error,
    })
  }
}

/** Runs several queries in one snapshot. */
export async function inOneState<T>(
  connection: DuckDBConnection,
  work: () => Promise<T>,
): Promise<T> {
  await connection.run('BEGIN')
  try {
    const result = await work()
    await connection.run('COMMIT')
    return result
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/** All rows of a small result as objects. */
export async function rowsOf(
  connection: DuckDBConnection,
  sql: string,
  values: readonly DuckDBValue[] = [],
): Promise<Row[]> {
  return (await connection.runAndReadAll(sql, [...values])).getRowObjects()
}

export { literal } from '../sql/rows.js'
export { int } from '../sql/sql.js'

/** Queries on this connection, for SQL that other engines run, too. */
export function rowsIn(connection: DuckDBConnection): Rows {
  return (sql, values) => rowsOf(connection, sql, values)
}
