/**
 * Ended sessions in the order of their arrival, for readers that continue from a place: by the number of the commit
 * that appended them (`arrival`, see rollup.ts), and within it by site and session id. A corrected session is a new row
 * of a later commit. Zone maps find the commits, so a caller that bounds them reads few rows.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { RUN_LENGTH, sequenceOf } from '../../ids.js'
import { placeSql } from '../../sql/arrival-place.js'
import type {
  ArrivalPlace,
  Arrived,
  ArrivedCount,
  ArrivedRequest,
  LogFilter,
  LogRow,
} from '../../store.js'
import { int, rowsOf } from '../database.js'
import { columnsOf } from './chunk-columns.js'
import { rowsOfColumns, selectPlain, withNames } from './rows.js'
import { Sql } from './sql-parts.js'
import { type Source, sources } from './where.js'

const ORDER = ['arrival', 'site_id', 'run', 'seq']
const orderBy = (alias: string) => `ORDER BY ${ORDER.map((name) => `${alias}.${name}`).join(', ')}`

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
  const result = await connection.run(withNames(plain, '', 'p.arrival::DOUBLE'), sql.values)
  const found = (await result.fetchAllChunks()).flatMap((chunk) => {
    const columns = columnsOf(chunk)
    const arrivals = columns.at(-1) as ArrayLike<number>
    return rowsOfColumns(columns, chunk.rowCount).map((row, i) => ({
      row,
      place: placeOf(row, arrivals[i]!),
    }))
  })
  // Joins may change the order. Another ORDER BY would cost as much as the joins, and it is rarely needed.
  if (found.some(({ place }, i) => i > 0 && compare(found[i - 1]!.place, place) > 0))
    found.sort((a, b) => compare(a.place, b.place))
  return { rows: found.map(({ row }) => row), places: found.map(({ place }) => place) }
}

function placeOf({ siteId, sessionId }: LogRow, arrival: number): ArrivalPlace {
  const run = sessionId.slice(0, RUN_LENGTH)
  return { arrival, siteId, run, sequence: sequenceOf(sessionId) }
}

/** In the order of `orderBy`. */
function compare(a: ArrivalPlace, b: ArrivalPlace): number {
  if (a.arrival !== b.arrival) return a.arrival - b.arrival
  if (a.siteId !== b.siteId) return a.siteId - b.siteId
  if (a.run !== b.run) return Buffer.compare(Buffer.from(a.run), Buffer.from(b.run))
  return a.sequence - b.sequence
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
