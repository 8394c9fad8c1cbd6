/**
 * What a group does to sessions that are there already, by way of temporary tables: ends of open ones, later reports of
 * open ones, revisions of ended ones.
 *
 * Each time the connection is asked, it waits for the threads that others' queries use, too; so what belongs together is
 * one text of several statements. The tables are empty between two groups.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { StoredSession } from '../../store.js'
import { int, literal, rowsOf } from '../database.js'
import { OWN_COLUMN_AT, STORED_COLUMNS, STORED_NAMES } from '../schema/columns.js'
import { RUN_LENGTH, sequenceOf } from '../schema/ids.js'
import { appendTo, SessionRows } from './chunks.js'
import { unrollSql } from './rollup.js'

const SAME_ID = 'o.org_id = s.org_id AND o.site_id = s.site_id AND o.run = s.run AND o.seq = s.seq'
const packets = (t: string) => `(coalesce(${t}.packets_tx, 0) + coalesce(${t}.packets_rx, 0))`
const bytes = (t: string) => `(coalesce(${t}.bytes_tx, 0) + coalesce(${t}.bytes_rx, 0))`
/** saysMore() of merge.ts. */
const MORE = `(${packets('s')} > ${packets('o')} OR (${packets('s')} = 0 AND ${packets('o')} = 0 AND (
  s.duration_us > o.duration_us OR (s.duration_us = o.duration_us AND ${bytes('s')} > ${bytes('o')}))))`
const SAME_TUPLE = `(o.protocol = s.protocol AND (
  (o.source_ip = s.source_ip AND o.source_port = s.source_port AND o.dest_ip = s.dest_ip AND o.dest_port = s.dest_port)
  OR (o.source_ip = s.dest_ip AND o.source_port = s.dest_port AND o.dest_ip = s.source_ip AND o.dest_port = s.source_port)))`
/** Ended without a report of its end. */
const CLOSED_OPEN = `o.end_reason = 'activeTimeout'`
/** An interim report that comes after the end changes nothing. */
const CLOSED_BY_INTERIM = `s.end_reason = 'activeTimeout'`

const END_OPEN = [
  `DELETE FROM session_open o USING stage_closed s WHERE ${SAME_ID}`,
  'DELETE FROM stage_closed',
]
const PUT_OPEN = [
  `DELETE FROM session_open o USING stage_open s WHERE ${SAME_ID} AND ${MORE}`,
  `INSERT INTO session_open BY NAME SELECT * FROM stage_open s
     WHERE NOT EXISTS (SELECT 1 FROM session_open o WHERE ${SAME_ID})`,
  'DELETE FROM stage_open',
]

/** Of those whose id is stored: what is there, beside what comes. */
export interface Verdict {
  readonly sameMeter: boolean
  readonly sameTuple: boolean
  readonly more: boolean
  /** It would replace what came too long ago. */
  readonly late: boolean
}

export class Staged {
  readonly #connection: DuckDBConnection

  private constructor(connection: DuckDBConnection) {
    this.#connection = connection
  }

  static async open(connection: DuckDBConnection): Promise<Staged> {
    const list = STORED_COLUMNS.map((c) => `${c.name} ${c.sqlType}`)
    const columns = list.join(', ')
    const openColumns = list.toSpliced(OWN_COLUMN_AT, 0, 'run_started_us BIGINT').join(', ')
    const numbered = list.toSpliced(OWN_COLUMN_AT, 0, 'nth BIGINT').join(', ')
    await connection.run(`CREATE TEMP TABLE stage_closed (${columns});
      CREATE TEMP TABLE stage_asked (${numbered});
      CREATE TEMP TABLE stage_open (${openColumns});
      CREATE TEMP TABLE stage_ended (${columns});
      CREATE TEMP TABLE stage_replaced AS FROM session LIMIT 0`)
    return new Staged(connection)
  }

  /**
   * What is stored under the ids of these, beside them, by their places in the list.
   * @param isStale SQL for whether the ended row `o` came too long ago to be replaced
   */
  async compare(
    sessions: readonly StoredSession[],
    isStale: string,
  ): Promise<Map<number, Verdict>> {
    const nth = Float64Array.from(sessions, (_, i) => i)
    await this.#append('stage_asked', sessions, nth)
    const replaces = `NOT (${CLOSED_BY_INTERIM}) AND (${CLOSED_OPEN} OR ${MORE})`
    const of = (table: string, near: string, late: string) => `
      SELECT s.nth::DOUBLE AS nth, o.meter_id = s.meter_id AS meter, ${SAME_TUPLE} AS tuple, ${MORE} AS more,
        ${late} AS late
      FROM stage_asked s JOIN ${table} o ON ${near}${SAME_ID}`
    const rows = await rowsOf(
      this.#connection,
      `${of('session_open', '', 'false')} UNION ALL
       ${of('session', `${nearSql(sessions)} AND `, `${replaces} AND ${isStale}`)}`,
    )
    await this.#connection.run('DELETE FROM stage_asked')
    return new Map(
      rows.map(({ nth: i, meter, tuple, more, late }) => [
        i as number,
        {
          sameMeter: meter as boolean,
          sameTuple: tuple as boolean,
          more: more as boolean,
          late: late as boolean,
        },
      ]),
    )
  }

  /** @param closed ended now; their interim records go */
  async endOpen(closed: readonly StoredSession[]): Promise<string[]> {
    if (closed.length === 0) return []
    await this.#append('stage_closed', closed)
    return END_OPEN
  }

  /** @returns what is to be run; of two reports the one with more packets stays */
  async putOpen(open: readonly StoredSession[], runs: Float64Array): Promise<string[]> {
    if (open.length === 0) return []
    await this.#append('stage_open', open, runs)
    return PUT_OPEN
  }

  /**
   * Ended sessions again: the one with more packets stays, and a real end in any case.
   * @param rolled see Rollup; none is under way until the transaction ends
   * @returns what is to be run, and how many are replaced
   */
  async revise(
    sessions: readonly StoredSession[],
    arrival: number,
    rolled: number,
  ): Promise<{ count: number; statements: string[] }> {
    const near = nearSql(sessions)
    await this.#append('stage_ended', sessions)
    const found = await this.#connection.runAndReadAll(
      `INSERT INTO stage_replaced SELECT o.* FROM session o JOIN stage_ended s
         ON ${near} AND ${SAME_ID} AND (${CLOSED_OPEN} OR ${MORE});
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

  async #append(table: string, sessions: readonly StoredSession[], extra?: Float64Array) {
    const rows = new SessionRows(sessions)
    await appendTo(this.#connection, table, (appender) => rows.appendTo(appender, extra))
  }
}

/** The ranges of their ids, for the zone maps. */
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
