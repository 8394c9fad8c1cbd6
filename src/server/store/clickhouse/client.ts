/** Queries to ClickHouse over HTTP: bounded, fair among organisations, stopped when their caller goes. */
import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client'
import { AppError } from '../../../base/errors.js'
import { FairQueue } from '../fair-queue.js'
import { literal } from './dialect.js'
import { explained } from './errors.js'

const MiB = 2 ** 20
/** Queries at one time. An organisation alone uses at most half (fair-queue.ts). */
const READERS = 12
const ORG_WAITING_MAX = 128
const WAITING_MAX = 1024
/** Connections beyond those of reads: writes, stops of queries. */
const MORE_CONNECTIONS = 8
/** Filters may name thousands of ids. */
const QUERY_BYTES_MAX = 64 * MiB
const REQUEST_MS = 300_000
/** Two of them are shorter than PostgreSQL waits for the transaction that books the rows (postgres/database.ts). */
const INSERT_MS = 10_000
/** Below the three seconds after which the server closes an idle connection. */
const IDLE_MS = 2_000

export interface ClickHouseAddress {
  /** `http://host:8123`. */
  readonly url: string
  readonly database: string
  readonly username?: string
  readonly password?: string
}

type Setting = string | number
export type Settings = Readonly<Record<string, Setting>>

const SETTINGS: Settings = {
  // Acknowledged is on disk; its default is 1 since 26.
  async_insert: 0,
  max_query_size: QUERY_BYTES_MAX,
  // A file of several years is one import; each of its days is a part.
  max_partitions_per_insert_block: 0,
  // The partition follows from the sorting key (schema.ts).
  do_not_merge_across_partitions_select_final: 1,
  output_format_json_quote_64bit_integers: 0,
  // A failure must not end as a shorter answer.
  wait_end_of_query: 1,
}

export type Columns = readonly (readonly unknown[])[]

export class Client {
  readonly #client: ClickHouseClient
  readonly #queue = new FairQueue({
    total: READERS,
    orgWaiting: ORG_WAITING_MAX,
    waiting: WAITING_MAX,
  })
  readonly #closing = new AbortController()

  constructor({ url, database, username, password }: ClickHouseAddress) {
    this.#client = createClient({
      url,
      database,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      request_timeout: REQUEST_MS,
      max_open_connections: READERS + MORE_CONNECTIONS,
      keep_alive: { enabled: true, idle_socket_ttl: IDLE_MS },
      // It would print the stack of each error.
      log: { level: ClickHouseLogLevel.OFF },
    })
  }

  /** The answer of a query as columns. @param orgId whose share of queries it uses */
  async columns(orgId: string, sql: string, signal?: AbortSignal): Promise<Columns> {
    return this.read(orgId, `${sql}\nFORMAT JSONCompactColumns`, signal, async (stream) =>
      JSON.parse(await text(stream)),
    )
  }

  /** The same as rows. */
  async rows(orgId: string, sql: string, signal?: AbortSignal): Promise<unknown[][]> {
    return this.read(orgId, `${sql}\nFORMAT JSONCompact`, signal, async (stream) => {
      const { data } = JSON.parse(await text(stream)) as { data: unknown[][] }
      return data
    })
  }

  /** Rows for a write, which no organisation's queries may hold up. @throws AppError STORE_BUSY */
  async rowsForWrite(sql: string): Promise<unknown[][]> {
    return this.#inTime(async (queryId, stop) => {
      const { stream } = await this.#client.exec({
        query: `${sql}\nFORMAT JSONCompact`,
        query_id: queryId,
        abort_signal: stop,
        clickhouse_settings: SETTINGS,
      })
      return (JSON.parse(await text(stream)) as { data: unknown[][] }).data
    })
  }

  /** The answer as it is sent; `use` must read it to its end, or destroy it. */
  async read<T>(
    orgId: string,
    sql: string,
    signal: AbortSignal | undefined,
    use: (stream: Readable) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted()
    const granted = this.#queue.take(orgId, signal)
    if (granted === undefined)
      throw new AppError('STORE_BUSY', 'too many queries are waiting', {
        hint: 'Try again in a few seconds.',
      })
    await granted
    try {
      return await this.#stoppable(signal, async (queryId, stop) => {
        const { stream } = await this.#client.exec({
          query: sql,
          query_id: queryId,
          abort_signal: stop,
          clickhouse_settings: SETTINGS,
        })
        return use(stream)
      })
    } finally {
      this.#queue.release(orgId)
    }
  }

  /** A statement without an answer. @returns the rows that it wrote */
  async run(sql: string, settings: Settings = {}, signal?: AbortSignal): Promise<number> {
    return this.#stoppable(signal, async (queryId, stop) => {
      const { summary } = await this.#client.command({
        query: sql,
        query_id: queryId,
        abort_signal: stop,
        clickhouse_settings: { ...SETTINGS, ...settings },
      })
      return Number(summary?.written_rows ?? 0)
    })
  }

  /** @param sql an INSERT with its format @param body the rows in it @throws AppError STORE_BUSY also after INSERT_MS */
  async insert(sql: string, body: Uint8Array): Promise<void> {
    await this.#inTime(async (queryId, stop) => {
      const { stream } = await this.#client.exec({
        query: sql,
        values: Readable.from([body], { objectMode: false }),
        query_id: queryId,
        abort_signal: stop,
        // It ends by then even if this server is lost, and nobody kills it.
        clickhouse_settings: { ...SETTINGS, max_execution_time: INSERT_MS / 1e3 },
      })
      await text(stream)
    })
  }

  /** @throws AppError STORE_BUSY also after INSERT_MS */
  async #inTime<T>(work: (queryId: string, stop: AbortSignal) => Promise<T>): Promise<T> {
    const late = AbortSignal.timeout(INSERT_MS)
    return this.#stoppable(late, work).catch((error: unknown) => {
      throw error === late.reason ? explained(new Error('Timeout error')) : error
    })
  }

  async #stoppable<T>(
    signal: AbortSignal | undefined,
    work: (queryId: string, stop: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (this.#closing.signal.aborted) throw new AppError('STORE_CLOSING', 'the server is stopping')
    const queryId = randomUUID()
    const stop = AbortSignal.any([this.#closing.signal, ...(signal === undefined ? [] : [signal])])
    try {
      return await work(queryId, stop)
    } catch (error) {
      // The query goes on at the server when its connection ends.
      if (stop.aborted) await this.#kill(queryId)
      signal?.throwIfAborted()
      if (stop.aborted) throw new AppError('STORE_CLOSING', 'the server is stopping')
      throw explained(error)
    }
  }

  async #kill(queryId: string): Promise<void> {
    const query = `KILL QUERY WHERE query_id = ${literal(queryId)} ASYNC`
    await this.#client.command({ query }).catch(() => undefined)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#client.close()
  }
}
