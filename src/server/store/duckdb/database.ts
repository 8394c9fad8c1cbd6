/**
 * The database file: opening, its version, its connections.
 *
 * One process opens the file (DuckDB locks it). In it one connection writes (writer.ts), one deletes (retention.ts),
 * and a few read; a reader sees the state of its start (MVCC) and never waits for the writer.
 *
 * `COMMIT` returns after the write-ahead log is fsync'd; a crash loses nothing committed, and the log is replayed at
 * the next open. The writer decides when to checkpoint.
 */

import { statfsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api'
import { AppError, messageOf } from '../../../base/errors.js'
import { makeDirectory } from '../../../base/private-files.js'
import type { Progress } from '../config.js'
import { FairQueue } from '../fair-queue.js'
import { MACROS, MIGRATIONS, SCHEMA_VERSION } from './schema/schema.js'

const MiB = 2 ** 20
const BLOCK_BYTES = 64 * 1024
/** Of which an organisation alone uses half (fair-queue.ts). */
export const READERS = 6
/** More waiting queries than these are refused: the caller is told to come back. A page asks four. */
export const ORG_WAITING_MAX = 128
const WAITING_MAX = 1024
/** What an export holds outside of DuckDB's buffers: data chunks, lines, and what the allocators keep of them. */
const EXPORT_BYTES = 96 * MiB
/** All exports together leave so much of --store-memory, with which all else works, or three quarters of a small one. */
const LEFT_BYTES_MIN = 256 * MiB
const LEFT_SHARE_MIN = 3 / 4
const SILENCE_US = 600e6
/** A query looks for its interruption at the next vector, but one that comes between two queries is lost. */
export const INTERRUPT_EVERY_MS = 20
/** On close, wait at most this long for borrowed connections, then abandon them. */
const CLOSE_WAIT_MS = 5_000

export interface DatabaseOptions {
  readonly directory: string
  readonly memoryBytes: number
  readonly threads: number
  readonly silenceUs?: number
  /** Told of what takes long before the store is open. */
  readonly progress?: Progress
}

export type Row = Record<string, DuckDBValue>

export class Database {
  readonly path: string
  readonly #instance: DuckDBInstance
  /** In SQL: getvariable('silence_us'). */
  readonly #silenceUs: number
  readonly #idle: DuckDBConnection[] = []
  readonly #connectionsWaitedFor = new FairQueue({
    total: READERS,
    orgWaiting: ORG_WAITING_MAX,
    waiting: WAITING_MAX,
  })
  readonly #opened = new Set<DuckDBConnection>()
  /** Of the opened: in use by a query, or by one soon. */
  readonly #lent = new Set<DuckDBConnection>()
  /** To be lent as soon as they are there. */
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
      await database.#migrate(options.progress ?? (() => undefined))
      for (let i = 0; i < READERS; i++) database.#idle.push(await database.connect())
    } catch (error) {
      await database.close()
      throw error
    }
    return database
  }

  /** A connection of one's own; closed with the database. */
  async connect(): Promise<DuckDBConnection> {
    const connection = await this.#instance.connect()
    this.#opened.add(connection)
    await this.#prepare(connection)
    return connection
  }

  /** A connection for a while; release() takes it back. @throws AppError STORE_CLOSING */
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

  /** Closes a connection that lend() gave. */
  release(connection: DuckDBConnection): void {
    this.#lent.delete(connection)
    if (this.#opened.delete(connection)) connection.closeSync()
  }

  /**
   * Lends a reading connection in one snapshot for all its queries; `signal` interrupts the one that runs.
   * @param orgId whose share of the connections it is of; '': the server's own
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

  /** While exports run, what they hold is taken off DuckDB's buffers. @param change 1 at the start of one, -1 at its end */
  async countExport(change: 1 | -1, connection: DuckDBConnection): Promise<void> {
    this.#exports += change
    // One after the other: of two at once the earlier would decide now and then.
    const set = this.#limitSet.then(() =>
      connection.run(`SET memory_limit = '${this.#limitMiB()}MiB'`),
    )
    // What is in use right now cannot be taken away; then the limit stays as it was.
    this.#limitSet = set.catch(() => undefined)
    await this.#limitSet
  }

  #limitMiB(): number {
    const left = Math.min(LEFT_BYTES_MIN, this.#memoryBytes * LEFT_SHARE_MIN)
    return Math.floor(Math.max(this.#memoryBytes - this.#exports * EXPORT_BYTES, left) / MiB)
  }

  #mustBeOpen(): void {
    if (this.#closing) throw new AppError('STORE_CLOSING', 'the server is ending')
  }

  /** @throws AppError STORE_BUSY */
  async #borrow(orgId: string, signal?: AbortSignal): Promise<DuckDBConnection> {
    const turn = this.#connectionsWaitedFor.take(orgId, signal)
    if (turn === undefined) {
      throw new AppError('STORE_BUSY', 'too many queries of this organisation are waiting', {
        hint: 'Try again in a few seconds.',
      })
    }
    await turn
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

  /** Of the file system that the file is on. */
  freeBytes(): number {
    const { bavail, bsize } = statfsSync(dirname(this.path))
    return bavail * bsize
  }

  /**
   * Interrupts what reads and waits until it has noticed. A connection that is closed in the middle of its query is
   * destroyed inside that query, which waits for its own lock for ever and keeps the process alive.
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

  async #migrate(progress: Progress): Promise<void> {
    const connection = await this.#instance.connect()
    try {
      await connection.run('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)')
      const rows = (
        await connection.runAndReadAll('SELECT max(version) AS v FROM schema_version')
      ).getRows()
      const version = Number(rows[0]?.[0] ?? 0)
      if (version > SCHEMA_VERSION) {
        throw new AppError(
          'STORE_NEWER',
          `${this.path} was written by a newer tunmeter: its schema is version ${version}, this one knows up to ${SCHEMA_VERSION}`,
          { hint: 'Install that version or a later one, or use another --data directory.' },
        )
      }
      for (let next = version; next < SCHEMA_VERSION; next++) {
        // A new file has nothing that could take long.
        await migrateStep(connection, next, version === 0 ? () => undefined : progress)
      }
      // What the old tables took is free at once.
      if (version > 0 && version < SCHEMA_VERSION) await connection.run('CHECKPOINT')
    } finally {
      connection.closeSync()
    }
  }
}

async function migrateStep(
  connection: DuckDBConnection,
  from: number,
  progress: Progress,
): Promise<void> {
  const versions = { fromVersion: from, toVersion: from + 1 }
  progress('the store is rewritten for this version; the server starts after it', versions)
  const begin = performance.now()
  await connection.run('BEGIN')
  for (const statement of MIGRATIONS[from]!.split(/;\n/).filter((s) => s.trim() !== '')) {
    const start = performance.now()
    const { rowsChanged } = await connection.run(statement)
    if (rowsChanged === 0) continue
    progress(`rewriting: ${statement.trim().split(/\s+/, 3).join(' ')}`, {
      rows: rowsChanged,
      seconds: secondsSince(start),
    })
  }
  await connection.run(`INSERT INTO schema_version VALUES (${from + 1})`)
  await connection.run('COMMIT')
  progress('the store is rewritten', { ...versions, seconds: secondsSince(begin) })
}

/** To the tenth. */
export function secondsSince(start: number): number {
  return Math.round((performance.now() - start) / 100) / 10
}

async function openInstance(path: string, options: DatabaseOptions): Promise<DuckDBInstance> {
  try {
    return await DuckDBInstance.create(path, {
      memory_limit: `${Math.floor(options.memoryBytes / MiB)}MiB`,
      threads: String(options.threads),
      temp_directory: join(options.directory, 'tmp'),
      // Never by itself: see checkpointer.ts.
      checkpoint_threshold: '1TiB',
      // Of a new file. A page of few rows from all over the table reads a block a column and row group: DuckDB's
      // own 256 KiB would be four times as much, and would leave more of the file empty.
      default_block_size: String(BLOCK_BYTES),
      // Order of arrival is order of time, near enough for zone maps.
      preserve_insertion_order: 'true',
      // Nothing is fetched from the network and no file but ours is read by SQL.
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
          hint: 'Only one tunmeter serve may use a data directory; stop the other one or give --data another directory.',
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
      hint: 'Check that the directory is writable and has space; restore a backup if the file is damaged.',
      cause: error,
    })
  }
}

/** Of DuckDB's messages those that a caller or who runs the server can do something about. */
const EXPLAINED: readonly (readonly [RegExp, code: string, message: string, hint: string])[] = [
  [
    /^Out of Memory Error/,
    'STORE_MEMORY',
    'the query needs more memory than --store-memory gives',
    'Ask for less time or with more filters, or raise --store-memory.',
  ],
  [
    /database has been invalidated/,
    'STORE_STOPPED',
    'the database has stopped after a failure',
    'Restart the server, with free space on the disk of its --data; what it acknowledged is kept.',
  ],
  [
    /no space left on device/i,
    'STORE_FULL',
    'the disk of --data is full',
    'Free some space; what was acknowledged is kept, and the server goes on by itself.',
  ],
]

/** What a caller can do something about, in our words. */
export function explained(error: unknown): unknown {
  const found = EXPLAINED.find(([pattern]) => pattern.test(messageOf(error)))
  if (found === undefined) return error
  const [, code, message, hint] = found
  return new AppError(code, message, { hint, cause: error })
}

/** Several queries in one snapshot. */
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

/** Rows of a small result as objects. */
export async function rowsOf(
  connection: DuckDBConnection,
  sql: string,
  values: readonly DuckDBValue[] = [],
): Promise<Row[]> {
  return (await connection.runAndReadAll(sql, [...values])).getRowObjects()
}

/** A whole number as SQL text. Bound numbers would be DOUBLEs and keep zone maps from being used. */
export function int(value: number): string {
  if (!Number.isSafeInteger(value)) throw new RangeError(`not a whole number: ${value}`)
  return String(value)
}

/** A text as SQL literal; for short lists whose length varies. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
