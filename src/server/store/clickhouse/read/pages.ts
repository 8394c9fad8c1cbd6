/** Pages and counts. The order is total: sort key, session id, site. A cursor is the last row's place in it. */
import type { Sort, SortKey } from '../../filter.js'
import { sequenceOf } from '../../ids.js'
import { pageOf } from '../../page-of.js'
import type { Page, PageRequest, Position } from '../../session-log.js'
import { int } from '../../sql/sql.js'
import type { StoreFacts } from '../../sums.js'
import type { Client } from '../client.js'
import { literal } from '../dialect.js'
import { rowsOf, selectRows } from './rows.js'
import { FROM, type Scope } from './scope.js'

const SORT_SQL: Readonly<Record<SortKey, string>> = {
  startTime: 't.start_us',
  duration: 't.duration_us',
  // A cursor holds the key as a number, and the sum of two large counts may exceed its exact range.
  bytes: `least(coalesce(t.bytes_tx, 0) + coalesce(t.bytes_rx, 0), ${Number.MAX_SAFE_INTEGER})`,
  bytesTx: 'coalesce(t.bytes_tx, 0)',
  bytesRx: 'coalesce(t.bytes_rx, 0)',
}

export function orderBy({ key, descending }: Sort): string {
  const columns = [SORT_SQL[key], 't.run', 't.seq', 't.site_id']
  return `ORDER BY ${columns.map((column) => `${column} ${descending ? 'DESC' : 'ASC'}`).join(', ')}`
}

function afterSql(sort: Sort, after: Position): string {
  const key = SORT_SQL[sort.key]
  const sign = sort.descending ? '<' : '>'
  const run = literal(after.sessionId.slice(0, 18))
  const seq = int(sequenceOf(after.sessionId))
  const value = int(after.value)
  return ` AND ${key} ${sign}= ${value} AND (${key} ${sign} ${value}
    OR (t.run ${sign} ${run} OR (t.run = ${run} AND t.seq ${sign} ${seq})))`
}

export async function page(
  client: Client,
  scope: Scope,
  { sort, limit, offset, after }: PageRequest,
  signal?: AbortSignal,
): Promise<Page> {
  const place = after === undefined ? '' : afterSql(sort, after)
  const columns = await client.columns(
    scope.orgId,
    `${selectRows(scope)} FROM ${FROM} WHERE ${scope.where()}${place}
     ${orderBy(sort)} LIMIT ${int(limit + 1)} OFFSET ${int(offset)}`,
    signal,
  )
  return pageOf(rowsOf(columns, scope.names), sort, limit)
}

export async function count(client: Client, scope: Scope, signal?: AbortSignal): Promise<number> {
  const sql = `SELECT count() FROM ${FROM} WHERE ${scope.where()}`
  const [[n = 0] = []] = await client.rows(scope.orgId, sql, signal)
  return n as number
}

/** @param scope all sessions of the organisation */
export async function facts(
  client: Client,
  scope: Scope,
  { fromUs, toUs }: { readonly fromUs: number; readonly toUs: number },
): Promise<StoreFacts> {
  const sql = `SELECT count(), min(t.start_us), max(t.start_us),
    countIf(t.start_us >= ${int(fromUs)} AND t.start_us < ${int(toUs)}) FROM ${FROM} WHERE ${scope.where()}`
  const [row = []] = await client.rows(scope.orgId, sql)
  const [sessions, oldest, newest, inRange] = row as number[]
  return {
    sessions: sessions!,
    oldestUs: sessions === 0 ? null : oldest!,
    newestUs: sessions === 0 ? null : newest!,
    inRange: inRange!,
  }
}
