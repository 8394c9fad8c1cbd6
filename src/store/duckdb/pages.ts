/**
 * Pages of the log, counts, and export reading.
 *
 * A page takes the top rows of each table on its own (so that DuckDB fetches the other columns only for those few)
 * and merges them. Order is total: sort key, then session id. A cursor is the last row's place in it, so rows that
 * arrive between two pages move nothing.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type {
  LogFilter,
  LogRow,
  Page,
  PageRequest,
  Position,
  Sort,
  SortKey,
  StoreFacts,
} from '../store.js'
import { int, rowsOf } from './database.js'
import { sequenceOf } from './ids.js'
import { rowsOfChunk, selectPlain, withNames } from './rows.js'
import { Sql, sources } from './where.js'

const SORT_SQL: Readonly<Record<SortKey, string>> = {
  startTime: 'start_us',
  duration: 'duration_us',
  bytes: '(coalesce(bytes_tx, 0) + coalesce(bytes_rx, 0))',
  bytesTx: 'coalesce(bytes_tx, 0)',
  bytesRx: 'coalesce(bytes_rx, 0)',
}

export function sortValue(row: LogRow, key: SortKey): number {
  if (key === 'startTime') return row.startTimeUs
  if (key === 'duration') return row.endTimeUs - row.startTimeUs
  if (key === 'bytesTx') return row.bytesTx ?? 0
  if (key === 'bytesRx') return row.bytesRx ?? 0
  return (row.bytesTx ?? 0) + (row.bytesRx ?? 0)
}

export function orderBy(sort: Sort, alias = ''): string {
  const direction = sort.descending ? 'DESC' : 'ASC'
  const key = SORT_SQL[sort.key].replace(/[a-z]+_(?:us|tx|rx)/g, (c) => alias + c)
  return `ORDER BY ${key} ${direction}, ${alias}run ${direction}, ${alias}seq ${direction}`
}

function afterSql(sql: Sql, sort: Sort, after: Position): string {
  const key = SORT_SQL[sort.key].replace(/[a-z]+_(?:us|tx|rx)/g, (c) => `t.${c}`)
  const sign = sort.descending ? '<' : '>'
  const run = sql.bind(after.sessionId.slice(0, 18))
  const seq = int(sequenceOf(after.sessionId))
  const value = int(after.value)
  return `AND ${key} ${sign}= ${value} AND (${key} ${sign} ${value}
    OR (t.run ${sign} ${run} OR (t.run = ${run} AND t.seq ${sign} ${seq})))`
}

export async function page(
  connection: DuckDBConnection,
  orgId: string,
  request: PageRequest,
  nowUs: number,
): Promise<Page> {
  const { filter, sort, limit, offset, after } = request
  const sql = new Sql()
  const take = limit + offset + 1
  const parts = sources(sql, orgId, filter, nowUs).map((source) => {
    const where =
      after === undefined ? source.where : `${source.where} ${afterSql(sql, sort, after)}`
    return `(${selectPlain({ ...source, where })} ${orderBy(sort, 't.')} LIMIT ${int(take)})`
  })
  const plain = `SELECT * FROM (${parts.join(' UNION ALL ')}) ${orderBy(sort)} LIMIT ${int(limit + 1)} OFFSET ${int(offset)}`
  const result = await connection.run(withNames(plain, orderBy(sort, 'p.')), sql.values)
  const rows = (await result.fetchAllChunks()).flatMap(rowsOfChunk)
  const more = rows.length > limit
  const kept = more ? rows.slice(0, limit) : rows
  const last = kept.at(-1)
  const next =
    more && last !== undefined
      ? { value: sortValue(last, sort.key), sessionId: last.sessionId }
      : null
  return { rows: kept, next }
}

export async function count(
  connection: DuckDBConnection,
  orgId: string,
  filter: LogFilter,
  nowUs: number,
): Promise<number> {
  const sql = new Sql()
  const parts = sources(sql, orgId, filter, nowUs).map(
    (s) => `(SELECT count(*) FROM ${s.from} WHERE ${s.where})`,
  )
  const rows = await rowsOf(connection, `SELECT (${parts.join(' + ')})::DOUBLE AS n`, sql.values)
  return rows[0]!.n as number
}

export async function facts(
  connection: DuckDBConnection,
  orgId: string,
  filter: LogFilter,
): Promise<StoreFacts> {
  const rows = await rowsOf(
    connection,
    `SELECT count(*)::DOUBLE AS n, min(start_us)::DOUBLE AS oldest, max(start_us)::DOUBLE AS newest,
       count(*) FILTER (start_us >= ${int(filter.fromUs)} AND start_us < ${int(filter.toUs)})::DOUBLE AS near
     FROM (SELECT start_us FROM session WHERE org_id = $1 UNION ALL SELECT start_us FROM session_open WHERE org_id = $1)`,
    [orgId],
  )
  const row = rows[0]!
  return {
    sessions: row.n as number,
    oldestUs: row.oldest as number | null,
    newestUs: row.newest as number | null,
    inRange: row.near as number,
  }
}
