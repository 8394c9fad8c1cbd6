/**
 * Pages and counts of the log.
 *
 * A page takes two queries: one finds the keys of its rows (the first of each table, merged), one reads all columns of
 * these few rows. The order is total: sort key, then session id. A cursor is the last row's place in this order, so
 * rows that arrive between two pages do not move the next page.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { sequenceOf, sessionIdOf } from '../../ids.js'
import { pageOf } from '../../page-of.js'
import type {
  LogFilter,
  LogRow,
  Page,
  PageRequest,
  Position,
  Sort,
  SortKey,
  StoreFacts,
} from '../../store.js'
import { int, type Row, rowsOf } from '../database.js'
import { rolledUpTo } from '../write/rollup.js'
import { rowsOfChunk, selectPlain, withNames } from './rows.js'
import { Sql } from './sql-parts.js'
import { sources, sumSources } from './where.js'

const SORT_SQL: Readonly<Record<SortKey, string>> = {
  startTime: 'start_us',
  duration: 'duration_us',
  // A cursor holds the key as a number, and the sum of two large counts may exceed its exact range.
  bytes: `least(coalesce(bytes_tx, 0) + coalesce(bytes_rx, 0), ${Number.MAX_SAFE_INTEGER})`,
  bytesTx: 'coalesce(bytes_tx, 0)',
  bytesRx: 'coalesce(bytes_rx, 0)',
}

/** The columns that add up to the sort key. None for the time, because rows are in its order already. */
const BOUND_COLUMNS: Readonly<Record<SortKey, readonly string[]>> = {
  startTime: [],
  duration: ['duration_us'],
  bytes: ['bytes_rx', 'bytes_tx'],
  bytesTx: ['bytes_tx'],
  bytesRx: ['bytes_rx'],
}
const COLUMN_IN_SORT = /[a-z]+_(?:us|tx|rx)/g
const EVERYTHING: LogFilter = { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER }

export function orderBy(sort: Sort, alias = ''): string {
  const direction = sort.descending ? 'DESC' : 'ASC'
  const key = SORT_SQL[sort.key].replace(COLUMN_IN_SORT, (c) => alias + c)
  return `ORDER BY ${key} ${direction}, ${alias}run ${direction}, ${alias}seq ${direction}`
}

function afterSql(sql: Sql, sort: Sort, after: Position): string {
  const key = SORT_SQL[sort.key].replace(COLUMN_IN_SORT, (c) => `t.${c}`)
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
  const { sort, limit } = request
  const keys = await pageKeys(connection, orgId, request, nowUs)
  const rows = await rowsAt(connection, orgId, keys, sort, nowUs)
  return pageOf(rows, sort, limit)
}

/**
 * Finds the rows of a page, and one more if there is one. Rows are identified by site and session id, because a
 * checkpoint between two queries may change row numbers, even within one snapshot.
 */
async function pageKeys(
  connection: DuckDBConnection,
  orgId: string,
  { filter, sort, limit, offset, after }: PageRequest,
  nowUs: number,
): Promise<Row[]> {
  const sql = new Sql()
  const take = limit + offset + 1
  const all = sources(sql, orgId, filter, nowUs).map((source) => ({
    from: source.from,
    where: after === undefined ? source.where : `${source.where} ${afterSql(sql, sort, after)}`,
  }))
  const bound = await valueBound(connection, all, sql.values, sort, take)
  const key = SORT_SQL[sort.key].replace(COLUMN_IN_SORT, (c) => `t.${c}`)
  const parts = all.map(({ from, where }) => {
    const near = bound === null ? '' : ` AND ${key} ${sort.descending ? '>=' : '<='} ${int(bound)}`
    return `(SELECT '${tableOf(from)}' AS source, ${key} AS key, t.start_us, t.site_id, t.run, t.seq
      FROM ${from} WHERE ${where}${near} ${orderBy(sort, 't.')} LIMIT ${int(take)})`
  })
  const direction = sort.descending ? 'DESC' : 'ASC'
  return rowsOf(
    connection,
    `SELECT source, start_us::DOUBLE AS start, site_id::DOUBLE AS site, run, seq::DOUBLE AS seq
     FROM (${parts.join(' UNION ALL ')})
     ORDER BY key ${direction}, run ${direction}, seq ${direction} LIMIT ${int(limit + 1)} OFFSET ${int(offset)}`,
    sql.values,
  )
}

/**
 * A bound that every row of the page reaches, or null. Finding it by one column is cheap, because DuckDB skips rows
 * that cannot be among the first, and it leaves few rows to sort. For a sum: if `take` rows reach the bound in one
 * summand, as many reach it in the sum.
 */
async function valueBound(
  connection: DuckDBConnection,
  all: readonly { from: string; where: string }[],
  values: readonly string[],
  sort: Sort,
  take: number,
): Promise<number | null> {
  const columns = BOUND_COLUMNS[sort.key]
  if (columns.length === 0 || (columns.length > 1 && !sort.descending)) return null
  const [better, direction] = sort.descending ? ['max', 'DESC'] : ['min', 'ASC']
  const bounds = columns.flatMap((column) =>
    all.map(({ from, where }) => {
      const value = `(SELECT t.${column} AS v FROM ${from} WHERE ${where} AND t.${column} IS NOT NULL
        ORDER BY 1 ${direction} LIMIT ${int(take)})`
      const worst = sort.descending ? 'min' : 'max'
      return `SELECT CASE WHEN count(*) = ${int(take)} THEN ${worst}(v) END AS v FROM ${value}`
    }),
  )
  const rows = await rowsOf(
    connection,
    `SELECT ${better}(v)::DOUBLE AS v FROM (${bounds.join(' UNION ALL ')})`,
    values,
  )
  return rows[0]!.v as number | null
}

/**
 * Reads rows by start and sequence, for which zone maps help. Rows with a start and a sequence of two keys are
 * dropped.
 */
async function rowsAt(
  connection: DuckDBConnection,
  orgId: string,
  keys: readonly Row[],
  sort: Sort,
  nowUs: number,
): Promise<LogRow[]> {
  const sql = new Sql()
  const parts = sources(sql, orgId, EVERYTHING, nowUs).flatMap((source) => {
    const here = keys.filter((k) => k.source === tableOf(source.from))
    if (here.length === 0) return []
    const [starts, sequences] = ['start', 'seq'].map((name) => distinct(here, name))
    const where = `t.org_id = $1 AND t.start_us IN (${starts}) AND t.seq IN (${sequences})`
    return [selectPlain({ ...source, where })]
  })
  if (parts.length === 0) return []
  const result = await connection.run(
    withNames(parts.join(' UNION ALL '), orderBy(sort, 'p.')),
    sql.values,
  )
  const wanted = new Set(
    keys.map((k) => `${k.site}/${sessionIdOf(k.run as string, k.seq as number)}`),
  )
  return (await result.fetchAllChunks())
    .flatMap(rowsOfChunk)
    .filter((row) => wanted.has(`${row.siteId}/${row.sessionId}`))
}

function tableOf(from: string): string {
  return from.split(' ')[0]!
}

function distinct(keys: readonly Row[], name: string): string {
  return [...new Set(keys.map((k) => int(k[name] as number)))].join(', ')
}

export async function count(
  connection: DuckDBConnection,
  orgId: string,
  filter: LogFilter,
  nowUs: number,
): Promise<number> {
  const sql = new Sql()
  const scope = { group: null, rolled: await rolledUpTo(connection) }
  const parts = sumSources(sql, orgId, filter, nowUs, scope).map(
    (s) => `(SELECT coalesce(${s.count}, 0) FROM ${s.from} WHERE ${s.where})`,
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
