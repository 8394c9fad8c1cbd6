/**
 * A group's changes to stored sessions, with temporary tables: ends and later reports of open sessions, revisions of
 * ended ones.
 *
 * Each call of the connection waits for threads that other queries use too, so related statements are one text. The
 * temporary tables are empty between two groups.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { EndReason, Protocol } from '../../../../session/session.js'
import { RUN_LENGTH, sequenceOf } from '../../ids.js'
import type { Kept } from '../../merge.js'
import type { StoredSession } from '../../store.js'
import { int, literal } from '../database.js'
import { OWN_COLUMN_AT, STORED_COLUMNS, STORED_NAMES } from '../schema/columns.js'
import { appendTo, SessionRows } from './chunks.js'
import { unrollSql } from './rollup.js'

const ID_COLUMNS = STORED_COLUMNS.filter(({ name }) =>
  ['org_id', 'site_id', 'run', 'seq'].includes(name),
)
const SAME_ID = 'o.org_id = s.org_id AND o.site_id = s.site_id AND o.run = s.run AND o.seq = s.seq'
const END_OPEN = [
  `DELETE FROM session_open o USING stage_closed s WHERE ${SAME_ID}`,
  'DELETE FROM stage_closed',
]
const PUT_OPEN = [
  `DELETE FROM session_open o USING stage_open s WHERE ${SAME_ID}`,
  'INSERT INTO session_open BY NAME FROM stage_open',
  'DELETE FROM stage_open',
]

/** The columns of a row `o` that decide between two records (merge.ts). */
const KEPT = `o.meter_id, o.protocol, o.source_ip, o.source_port::DOUBLE, o.dest_ip, o.dest_port::DOUBLE,
  o.packets_tx::DOUBLE, o.packets_rx::DOUBLE, o.bytes_tx::DOUBLE, o.bytes_rx::DOUBLE,
  (o.start_us + o.duration_us)::DOUBLE, o.end_reason`
/** A row with the columns of KEPT. */
type KeptRow = [
  ...[meterId: string, protocol: Protocol],
  ...[sourceIp: string, sourcePort: number, destIp: string, destPort: number],
  ...[packetsTx: number | null, packetsRx: number | null],
  ...[bytesTx: number | null, bytesRx: number | null],
  ...[endTimeUs: number, endReason: EndReason],
]

export class Staged {
  readonly #connection: DuckDBConnection

  private constructor(connection: DuckDBConnection) {
    this.#connection = connection
  }

  static async open(connection: DuckDBConnection): Promise<Staged> {
    const list = STORED_COLUMNS.map((c) => `${c.name} ${c.sqlType}`)
    const columns = list.join(', ')
    const openColumns = list.toSpliced(OWN_COLUMN_AT, 0, 'run_started_us BIGINT').join(', ')
    const ids = ID_COLUMNS.map((c) => `${c.name} ${c.sqlType}`).join(', ')
    await connection.run(`CREATE TEMP TABLE stage_closed (${ids});
      CREATE TEMP TABLE stage_asked (${ids}, nth BIGINT);
      CREATE TEMP TABLE stage_open (${openColumns});
      CREATE TEMP TABLE stage_ended (${columns});
      CREATE TEMP TABLE stage_replaced AS FROM session LIMIT 0`)
    return new Staged(connection)
  }

  /**
   * The stored sessions with the same ids, by index in `sessions`.
   * @param isStale SQL for whether the ended row `o` arrived too long ago to be replaced
   */
  async kept(sessions: readonly StoredSession[], isStale: string): Promise<Map<number, Kept>> {
    const nth = Float64Array.from(sessions, (_, i) => i)
    await this.#append('stage_asked', new SessionRows(sessions, ID_COLUMNS), nth)
    const of = (table: string, near: string, flags: string) =>
      `SELECT s.nth::DOUBLE, ${flags}, ${KEPT} FROM stage_asked s JOIN ${table} o ON ${near}${SAME_ID}`
    const found = await this.#connection.runAndReadAll(
      `${of('session_open', '', 'false, false')} UNION ALL
       ${of('session', `${nearSql(sessions)} AND `, `true, ${isStale}`)}`,
    )
    await this.#connection.run('DELETE FROM stage_asked')
    const rows = found.getRows() as [nth: number, ended: boolean, stale: boolean, ...KeptRow][]
    return new Map(
      rows.map(([at, ended, stale, ...of]) => [at, { record: recordOf(of), ended, stale }]),
    )
  }

  /** @param closed sessions that ended, whose interim records are deleted @returns statements to run */
  async endOpen(closed: readonly StoredSession[]): Promise<string[]> {
    if (closed.length === 0) return []
    await this.#append('stage_closed', new SessionRows(closed, ID_COLUMNS))
    return END_OPEN
  }

  /** @param open better records than the stored ones @returns statements to run */
  async putOpen(open: readonly StoredSession[], runs: Float64Array): Promise<string[]> {
    if (open.length === 0) return []
    await this.#append('stage_open', new SessionRows(open), runs)
    return PUT_OPEN
  }

  /**
   * Replaces ended sessions by better records. Sessions that were deleted meanwhile do not come back.
   * @param rolled see Rollup; no roll-up may run until the transaction ends
   * @returns the number of replaced sessions, and statements to run
   */
  async revise(
    sessions: readonly StoredSession[],
    arrival: number,
    rolled: number,
  ): Promise<{ count: number; statements: string[] }> {
    const near = nearSql(sessions)
    await this.#append('stage_ended', new SessionRows(sessions))
    const found = await this.#connection.runAndReadAll(
      `INSERT INTO stage_replaced SELECT o.* FROM session o JOIN stage_ended s
         ON ${near} AND ${SAME_ID};
       SELECT count(*)::DOUBLE FROM stage_replaced`,
    )
    const count = found.getRows()[0]![0] as number
    if (count === 0) return { count, statements: ['DELETE FROM stage_ended'] }
    const names = STORED_COLUMNS.map(({ name }) => `s.${name}`).join(', ')
    const statements = [
      unrollSql('stage_replaced', rolled),
      `DELETE FROM session o USING stage_replaced s WHERE ${near} AND ${SAME_ID}`,
      `INSERT INTO session (${STORED_NAMES}, arrival) SELECT ${names}, ${int(arrival)}
         FROM stage_ended s WHERE EXISTS (SELECT 1 FROM stage_replaced o WHERE ${SAME_ID})`,
      'DELETE FROM stage_replaced',
      'DELETE FROM stage_ended',
    ]
    return { count, statements }
  }

  async #append(table: string, rows: SessionRows, extra?: Float64Array): Promise<void> {
    await appendTo(this.#connection, table, (appender) => rows.appendTo(appender, extra))
  }
}

function recordOf(row: KeptRow): Kept['record'] {
  const [meterId, protocol, sourceIp, sourcePort, destIp, destPort, ...amounts] = row
  const [packetsTx, packetsRx, bytesTx, bytesRx, endTimeUs, endReason] = amounts
  const tuple = { protocol, sourceIp, sourcePort, destIp, destPort }
  return { meterId, ...tuple, packetsTx, packetsRx, bytesTx, bytesRx, endTimeUs, endReason }
}

/** SQL for the ranges of the sessions' ids, which lets zone maps skip other rows. */
function nearSql(sessions: readonly StoredSession[]): string {
  let [low, high] = ['~', '']
  let [first, last] = [Number.MAX_SAFE_INTEGER, 0]
  for (const { sessionId } of sessions) {
    const run = sessionId.slice(0, RUN_LENGTH)
    if (run < low) low = run
    if (run > high) high = run
    const sequence = sequenceOf(sessionId)
    first = Math.min(first, sequence)
    last = Math.max(last, sequence)
  }
  return `o.run >= ${literal(low)} AND o.run <= ${literal(high)} AND o.seq >= ${int(first)} AND o.seq <= ${int(last)}`
}
