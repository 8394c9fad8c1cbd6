/**
 * Ended sessions in the order of their arrival, for readers that continue from a place: by the number of the commit
 * that appended them (`arrival`, see rollup.ts), and within it by site and session id. A corrected session is a new row
 * of a later commit. Zone maps find the commits, so a caller that bounds them reads few rows.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { ArrivalPlace, Arrived, ArrivedCount, ArrivedRequest, LogFilter } from '../../store.js'
import { int, rowsOf } from '../database.js'
import { RUN_LENGTH, sequenceOf } from '../schema/ids.js'
import { rowsOfChunk, selectPlain, withNames } from './rows.js'
import { Sql } from './sql-parts.js'
import { type Source, sources } from './where.js'

const ORDER = ['arrival', 'site_id', 'run', 'seq']
const orderBy = (alias: string) => `ORDER BY ${ORDER.map((name) => `${alias}.${name}`).join(', ')}`

function placeSql(sql: Sql, place: ArrivalPlace, sign: '>' | '<='): string {
  const { arrival, siteId, run, sequence } = place
  const bound = sql.bind(run)
  const strict = sign[0] as '>' | '<'
  return `t.arrival ${strict}= ${int(arrival)} AND (t.arrival ${strict} ${int(arrival)}
    OR t.site_id ${strict} ${int(siteId)} OR (t.site_id = ${int(siteId)}
      AND (t.run ${strict} ${bound} OR (t.run = ${bound} AND t.seq ${sign} ${int(sequence)}))))`
}

function endedAfter(
  sql: Sql,
  orgId: string,
  range: { readonly filter: LogFilter; readonly after: ArrivalPlace; readonly upTo?: ArrivalPlace },
): Source {
  const [ended] = sources(sql, orgId, { ...range.filter, state: 'ended' }, 0)
  const upTo = range.upTo === undefined ? '' : ` AND ${placeSql(sql, range.upTo, '<=')}`
  return { ...ended!, where: `${ended!.where} AND ${placeSql(sql, range.after, '>')}${upTo}` }
}

export async function arrived(
  connection: DuckDBConnection,
  orgId: string,
  request: ArrivedRequest,
): Promise<Arrived> {
  const sql = new Sql()
  const source = endedAfter(sql, orgId, request)
  const where = `${source.where} ${orderBy('t')} LIMIT ${int(request.limit)}`
  const plain = selectPlain({ ...source, where }, 't.arrival')
  const result = await connection.run(
    withNames(plain, orderBy('p'), 'p.arrival::DOUBLE'),
    sql.values,
  )
  const chunks = await result.fetchAllChunks()
  const rows = chunks.flatMap(rowsOfChunk)
  const arrivals = chunks.flatMap((chunk) => chunk.getColumns().at(-1) as number[])
  return {
    rows,
    places: rows.map(({ siteId, sessionId }, i) => ({
      arrival: arrivals[i]!,
      siteId,
      run: sessionId.slice(0, RUN_LENGTH),
      sequence: sequenceOf(sessionId),
    })),
  }
}

export async function countArrived(
  connection: DuckDBConnection,
  orgId: string,
  request: Omit<ArrivedRequest, 'limit'> & { readonly endedBeforeUs?: number },
): Promise<ArrivedCount> {
  const sql = new Sql()
  const { from, where } = endedAfter(sql, orgId, request)
  const { endedBeforeUs } = request
  const ended =
    endedBeforeUs === undefined
      ? ''
      : ` AND t.start_us < ${int(endedBeforeUs)} AND t.start_us + t.duration_us < ${int(endedBeforeUs)}`
  const rows = await rowsOf(
    connection,
    `SELECT count(*)::DOUBLE AS n, min(t.start_us + t.duration_us)::DOUBLE AS oldest
     FROM ${from} WHERE ${where}${ended}`,
    sql.values,
  )
  return { sessions: rows[0]!.n as number, oldestEndUs: rows[0]!.oldest as number | null }
}
