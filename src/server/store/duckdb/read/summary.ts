/**
 * Totals by group, over time, and per month.
 *
 * One pass groups by (group, interval). The top groups are chosen from it, and the rest becomes "other". Sums by the
 * hour are read instead of rows if they can answer (rollup.ts). Months are UTC. Usage adds the totals of deleted
 * sessions (usage_month) to those of stored ones, so it does not change when retention deletes.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { INTERVAL_US, intervalStarts, next, storable } from '../../intervals.js'
import type {
  LogFilter,
  Summary,
  SummaryGroup,
  SummaryInterval,
  SummaryRequest,
  SummaryTotals,
  UsageRequest,
  UsageRow,
} from '../../store.js'
import { type GroupRow, type SumsRow, summaryOf, totalsOf } from '../../summary-shape.js'
import { int, type Row, rowsOf } from '../database.js'
import { dimensionOfGroup, ROW_SUMS, rolledUpTo, SUM_NAMES } from '../write/rollup.js'
import { Sql } from './sql-parts.js'
import { sumSources } from './where.js'

export const GROUP_SQL: Readonly<Record<SummaryGroup, string>> = {
  client: 't.client_id',
  user: 't.user_id',
  resource: 't.site_resource_id',
  site: 't.site_id',
  protocol: 't.protocol::VARCHAR',
  port: 't.dest_port',
  destination: 't.dest_ip',
  connState: 't.conn_state::VARCHAR',
}
export const GROUP_NAMES: Partial<Record<SummaryGroup, string>> = {
  client: 'catalog_client',
  user: 'catalog_user',
  resource: 'catalog_resource',
  site: 'catalog_site',
}

export const RESUMS = SUM_NAMES.map((c) => `coalesce(sum(${c}), 0)::DOUBLE AS ${c}`).join(', ')

function slotSql(interval: SummaryInterval | null): string {
  if (interval === null) return '0'
  if (interval === 'month') return "epoch_us(date_trunc('month', make_timestamp(t.start_us)))"
  return `(t.start_us // ${int(INTERVAL_US[interval])}) * ${int(INTERVAL_US[interval])}`
}

export async function summary(
  connection: DuckDBConnection,
  orgId: string,
  request: SummaryRequest,
  nowUs: number,
): Promise<Summary> {
  const starts = intervalStarts(request.filter, request.interval)
  const rolled = await rolledUpTo(connection)
  const rows = await grouped(connection, orgId, request, { nowUs, rolled })
  const totals = await overall(connection, orgId, request.filter, { nowUs, rolled })
  return summaryOf(request, starts, totals, rows as unknown as readonly GroupRow[])
}

interface Moment {
  readonly nowUs: number
  readonly rolled: number
}

/** Rows (id, slot, sums). Groups beyond the top ones are summed with other = true. */
async function grouped(
  connection: DuckDBConnection,
  orgId: string,
  request: SummaryRequest,
  { nowUs, rolled }: Moment,
): Promise<Row[]> {
  const { filter, groupBy, interval, top } = request
  if (groupBy === null && interval === null) return []
  const sql = new Sql()
  const group = groupBy === null ? 'NULL::VARCHAR' : GROUP_SQL[groupBy]
  const byHours = interval !== 'minute' && interval !== '5minutes'
  const scope = { group: byHours ? dimensionOfGroup(groupBy) : undefined, rolled }
  const parts = sumSources(sql, orgId, filter, nowUs, scope).map(
    (s) =>
      `SELECT ${group} AS id, ${slotSql(interval)} AS slot, ${s.sums} FROM ${s.from} WHERE ${s.where} GROUP BY 1, 2`,
  )
  const rank = request.sort === 'sessions' ? 'sum(sessions)' : 'sum(bytes_tx + bytes_rx)'
  const names = groupBy === null ? undefined : GROUP_NAMES[groupBy]
  const join = names === undefined ? '' : `LEFT JOIN ${names} n ON n.org_id = $1 AND n.id = f.id`
  return rowsOf(
    connection,
    // The sums of a group may be 0, because all its sessions were deleted.
    `WITH g AS MATERIALIZED (${parts.join(' UNION ALL ')}),
     k AS (SELECT id, true AS kept FROM g GROUP BY id HAVING sum(sessions) > 0 ORDER BY ${rank} DESC, id LIMIT ${int(top)}),
     f AS (SELECT CASE WHEN k.kept THEN g.id END AS id, k.kept IS NULL AS other, slot, ${RESUMS}
           FROM g LEFT JOIN k ON g.id IS NOT DISTINCT FROM k.id GROUP BY 1, 2, 3 HAVING sum(g.sessions) > 0)
     SELECT f.id::VARCHAR AS id, f.other, f.slot::DOUBLE AS slot, ${names === undefined ? 'NULL' : 'n.name'} AS name,
       sessions, connections, bytes_tx, bytes_rx, packets_tx, packets_rx FROM f ${join}`,
    sql.values,
  )
}

async function overall(
  connection: DuckDBConnection,
  orgId: string,
  filter: LogFilter,
  { nowUs, rolled }: Moment,
): Promise<SummaryTotals> {
  const sql = new Sql()
  const parts = sumSources(sql, orgId, filter, nowUs, { group: null, rolled }).map(
    (s) => `SELECT ${s.sums}, ${s.openSum} AS open FROM ${s.from} WHERE ${s.where}`,
  )
  const rows = await rowsOf(
    connection,
    `SELECT ${RESUMS}, coalesce(sum(open), 0)::DOUBLE AS open FROM (${parts.join(' UNION ALL ')})`,
    sql.values,
  )
  const row = rows[0]!
  return {
    ...totalsOf(row as unknown as SumsRow),
    open: row.open as number,
    refused: row.refused as number,
    unanswered: row.unanswered as number,
  }
}

const USAGE_COLUMN = {
  client: 'client_id',
  user: 'user_id',
  resource: 'site_resource_id',
  site: 'site_id',
} as const

/** The UTC month of a session. Retention must group by the same expression. */
export const MONTH_SQL = "strftime(make_timestamp(t.start_us), '%Y-%m')"
export const USAGE_SUMS = ROW_SUMS

export async function usage(
  connection: DuckDBConnection,
  orgId: string,
  request: UsageRequest,
): Promise<readonly UsageRow[]> {
  const column = USAGE_COLUMN[request.groupBy]
  const fromUs = storable(Date.parse(`${request.fromMonth}-01T00:00:00Z`) * 1e3)
  const toUs = storable(next(Date.parse(`${request.toMonth}-01T00:00:00Z`) * 1e3, 'month'))
  const sql = new Sql()
  const rolled = await rolledUpTo(connection)
  const scope = { group: request.groupBy, rolled }
  const live = sumSources(sql, orgId, { fromUs, toUs }, 0, scope).map(
    (s) =>
      `SELECT ${MONTH_SQL} AS month, t.${column} AS id, ${s.sums} FROM ${s.from} WHERE ${s.where} GROUP BY 1, 2`,
  )
  const kept = `SELECT month, ${column} AS id, sessions, connections, bytes_tx, bytes_rx, packets_tx, packets_rx,
     0 AS refused, 0 AS unanswered FROM usage_month
     WHERE org_id = ${sql.bind(orgId)} AND month >= ${sql.bind(request.fromMonth)} AND month <= ${sql.bind(request.toMonth)}`
  const rows = await rowsOf(
    connection,
    `WITH a AS (SELECT month, id, ${RESUMS}
       FROM (${[...live, kept].join(' UNION ALL ')}) GROUP BY 1, 2 HAVING sum(sessions) > 0)
     SELECT a.*, a.id::VARCHAR AS key, n.name FROM a
     LEFT JOIN ${GROUP_NAMES[request.groupBy]!} n ON n.org_id = $1 AND n.id = a.id
     ORDER BY month DESC, bytes_tx + bytes_rx DESC, key`,
    sql.values,
  )
  return rows.map((row) => ({
    month: row.month as string,
    id: row.key as string | null,
    name: row.name as string | null,
    ...totalsOf(row as unknown as SumsRow),
  }))
}
