/**
 * Totals by group, over time, and per month.
 *
 * One pass groups by (group, interval). The top groups are chosen from it, and the rest becomes "other". Sums by the
 * hour are read instead of rows if they can answer (rollup.ts). Months are UTC. Usage adds the totals of deleted
 * sessions (usage_month) to those of stored ones, so it does not change when retention deletes.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { AppError } from '../../../../base/errors.js'
import { inTurns } from '../../../../base/in-turns.js'
import { TIME_US_MAX, TIME_US_MIN } from '../../../../session/bounds.js'
import type {
  LogFilter,
  Summary,
  SummaryGroup,
  SummaryGroupRow,
  SummaryInterval,
  SummaryRequest,
  SummarySeries,
  SummaryTotals,
  Totals,
  UsageRequest,
  UsageRow,
} from '../../store.js'
import { int, type Row, rowsOf } from '../database.js'
import { dimensionOfGroup, ROW_SUMS, rolledUpTo, SUM_NAMES } from '../write/rollup.js'
import { Sql } from './sql-parts.js'
import { sumSources } from './where.js'

export const INTERVALS_MAX = 3000
const GROUPS_AT_ONCE = 50
const INTERVAL_US: Readonly<Record<Exclude<SummaryInterval, 'month'>, number>> = {
  minute: 60e6,
  '5minutes': 300e6,
  hour: 3600e6,
  day: 86400e6,
}

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

export function totalsOf(row: Row): Totals {
  return {
    sessions: row.sessions as number,
    connections: row.connections as number,
    bytesTx: row.bytes_tx as number,
    bytesRx: row.bytes_rx as number,
    packetsTx: row.packets_tx as number,
    packetsRx: row.packets_rx as number,
  }
}

function slotSql(interval: SummaryInterval | null): string {
  if (interval === null) return '0'
  if (interval === 'month') return "epoch_us(date_trunc('month', make_timestamp(t.start_us)))"
  return `(t.start_us // ${int(INTERVAL_US[interval])}) * ${int(INTERVAL_US[interval])}`
}

/** The starts of all intervals that overlap the range. @throws AppError TOO_MANY_INTERVALS */
export function intervalStarts(
  filter: Pick<LogFilter, 'fromUs' | 'toUs'>,
  interval: SummaryInterval | null,
): number[] {
  if (interval === null) return []
  const starts: number[] = []
  let at = floorTo(filter.fromUs, interval)
  while (at < filter.toUs) {
    starts.push(at)
    if (starts.length > INTERVALS_MAX) {
      throw new AppError(
        'TOO_MANY_INTERVALS',
        `interval: ${interval} makes more than ${INTERVALS_MAX} intervals of the range`,
        {
          hint: 'Use a longer interval or a shorter range.',
        },
      )
    }
    at = next(at, interval)
  }
  return starts
}

function floorTo(us: number, interval: SummaryInterval): number {
  if (interval !== 'month') return Math.floor(us / INTERVAL_US[interval]) * INTERVAL_US[interval]
  const date = new Date(us / 1e3)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth()) * 1e3
}

function next(us: number, interval: SummaryInterval): number {
  if (interval !== 'month') return us + INTERVAL_US[interval]
  const date = new Date(us / 1e3)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1) * 1e3
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
  const byId = new Map<string | null, { row: SummaryGroupRow; slots: Row[] }>()
  for (const row of rows) {
    const id = row.id as string | null
    const other = row.other === true
    const key = other ? '\0other' : id
    const sums = totalsOf(row)
    const known = byId.get(key)
    if (known === undefined) {
      byId.set(key, {
        row: { id, name: row.name as string | null, other, ...sums },
        slots: [row],
      })
    } else {
      known.row = addTotals(known.row, sums)
      known.slots.push(row)
    }
  }
  const groups = [...byId.values()].sort((a, b) => rank(b.row, request) - rank(a.row, request))
  return {
    totals,
    groups: request.groupBy === null ? [] : groups.map((g) => g.row),
    times: starts.map((us) => new Date(us / 1e3).toISOString()),
    series: request.interval === null ? [] : await seriesOfAll(groups, starts),
  }
}

function rank(row: SummaryGroupRow, request: SummaryRequest): number {
  if (row.other) return -1
  return request.sort === 'sessions' ? row.sessions : row.bytesTx + row.bytesRx
}

export function addTotals<T extends Totals>(row: T, sums: Totals): T {
  const added = { ...row } as Record<string, unknown>
  for (const [key, value] of Object.entries(sums))
    added[key] = (row[key as keyof Totals] as number) + value
  return added as unknown as T
}

export interface Group {
  readonly row: Pick<SummaryGroupRow, 'id' | 'other'>
  readonly slots: readonly Row[]
}

/** Works in turns, because the largest answer (1000 groups with 3000 intervals) must not block other requests. */
export async function seriesOfAll(
  groups: readonly Group[],
  starts: readonly number[],
): Promise<SummarySeries[]> {
  const at = new Map(starts.map((us, i) => [us, i]))
  const all: SummarySeries[] = []
  for await (const [, group] of inTurns(groups, GROUPS_AT_ONCE)) all.push(seriesOf(group, at))
  return all
}

function seriesOf(group: Group, at: ReadonlyMap<number, number>): SummarySeries {
  const empty = () => new Array<number>(at.size).fill(0)
  const series = { sessions: empty(), bytesTx: empty(), bytesRx: empty() }
  for (const row of group.slots) {
    const i = at.get(row.slot as number)
    if (i === undefined) continue
    series.sessions[i] = row.sessions as number
    series.bytesTx[i] = row.bytes_tx as number
    series.bytesRx[i] = row.bytes_rx as number
  }
  return { id: group.row.id, other: group.row.other, ...series }
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
    ...totalsOf(row),
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

/** Cuts a time to the storable range, because a month may have any year of four digits. */
function storable(us: number): number {
  return Math.min(Math.max(us, TIME_US_MIN), TIME_US_MAX)
}

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
    ...totalsOf(row),
  }))
}
