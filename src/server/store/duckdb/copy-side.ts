/** The sessions in a DuckDB file as a side of a copy (../copy/sessions.ts). No server may use the file meanwhile. */
import type { DuckDBConnection } from '@duckdb/node-api'
import { isOpen } from '../../../session/session.js'
import {
  type CopiedSession,
  type Day,
  HOUR_US,
  type Hours,
  hoursOf,
  MEASURED,
  type SessionSide,
  SUMMED,
} from '../copy/sessions.js'
import type { StoredSession } from '../store.js'
import { Database, inOneState, int, literal, rowsOf } from './database.js'
import { columnsOf } from './read/chunk-columns.js'
import { rowsOfColumns, selectPlain, withNames } from './read/rows.js'
import { appendTo, SessionRows } from './write/chunks.js'

/** Rows between two checkpoints: the write-ahead log takes about 0.2 KB each. */
const CHECKPOINT_ROWS = 500_000
const COLUMNS = [...new Set([...SUMMED, ...MEASURED, 'org_id'])].join(', ')
const SUMS = [
  'count(*)',
  'count(*) FILTER (is_open)',
  ...SUMMED.map((name) => `sum(coalesce(${name}, 0)::HUGEINT)`),
  ...MEASURED.map((name) => `sum(length(coalesce(${name}, '')))`),
]
  .map((sum) => `(${sum})::VARCHAR`)
  .join(` || ' ' || `)

export class DuckSide implements SessionSide {
  readonly #database: Database
  readonly #connection: DuckDBConnection
  #unchecked = 0

  private constructor(database: Database, connection: DuckDBConnection) {
    this.#database = database
    this.#connection = connection
  }

  /** @throws AppError STORE_LOCKED, STORE_NEWER, STORE_UNREADABLE */
  static async open(directory: string, memoryBytes: number): Promise<DuckSide> {
    const database = await Database.open({ directory, memoryBytes, threads: 2 })
    return new DuckSide(database, await database.connect())
  }

  async hours(): Promise<Hours> {
    const rows = await rowsOf(
      this.#connection,
      `SELECT org_id, (start_us // ${HOUR_US})::DOUBLE AS hour, ${SUMS} AS sums
       FROM (SELECT ${COLUMNS}, false AS is_open FROM session UNION ALL SELECT ${COLUMNS}, true FROM session_open)
       GROUP BY ALL ORDER BY ALL`,
    )
    return hoursOf(
      rows.map((row) => [row.org_id as string, row.hour as number, row.sums as string] as const),
    )
  }

  async *read(day: Day): AsyncGenerator<readonly CopiedSession[]> {
    for (const table of ['session', 'session_open'] as const) {
      const isOpenTable = table === 'session_open'
      const source = {
        ...{ from: `${table} t`, where: whereIs(day, 't.'), open: 'false', interrupted: 'false' },
      }
      const run = isOpenTable ? 't.run_started_us' : '0 AS run_started_us'
      const plain = withNames(selectPlain(source, run), '', 'p.run_started_us::DOUBLE')
      const result = await this.#connection.stream(plain)
      for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; ) {
        const columns = columnsOf(chunk)
        const runs = columns.at(-1) as ArrayLike<number>
        yield rowsOfColumns(columns, chunk.rowCount).map(
          (session, i): CopiedSession => ({
            session,
            state: isOpenTable ? 'open' : isOpen(session) ? 'closed' : 'ended',
            runStartedUs: runs[i]!,
          }),
        )
        chunk = await result.fetchChunk()
      }
    }
  }

  /** Replaces the sessions of the day, in one transaction. Of commit 0: before all that a server writes. */
  async write(day: Day, sessions: AsyncIterable<readonly CopiedSession[]>): Promise<number> {
    let written = 0
    await inOneState(this.#connection, async () => {
      for (const table of ['session', 'session_open'])
        await this.#connection.run(`DELETE FROM ${table} WHERE ${whereIs(day)}`)
      for await (const some of sessions) {
        const open = some.filter(({ state }) => state === 'open')
        const ended = some.filter(({ state }) => state !== 'open')
        await this.#append('session', ended, () => 0)
        await this.#append('session_open', open, ({ runStartedUs }) => runStartedUs)
        written += some.length
      }
    })
    this.#unchecked += written
    if (this.#unchecked >= CHECKPOINT_ROWS) await this.#checkpoint()
    return written
  }

  async #append(
    table: string,
    sessions: readonly CopiedSession[],
    own: (session: CopiedSession) => number,
  ): Promise<void> {
    if (sessions.length === 0) return
    const rows = new SessionRows(sessions.map(({ session }): StoredSession => session))
    const numbers = Float64Array.from(sessions, own)
    await appendTo(this.#connection, table, (appender) => rows.appendTo(appender, numbers))
  }

  async #checkpoint(): Promise<void> {
    await this.#connection.run('CHECKPOINT')
    this.#unchecked = 0
  }

  async close(): Promise<void> {
    if (this.#unchecked > 0) await this.#checkpoint()
    await this.#database.close()
  }
}

function whereIs({ orgId, day }: Day, of = ''): string {
  const [from, to] = [day, day + 1].map((one) => int(one * 24 * HOUR_US))
  return `${of}org_id = ${literal(orgId)} AND ${of}start_us >= ${from} AND ${of}start_us < ${to}`
}
