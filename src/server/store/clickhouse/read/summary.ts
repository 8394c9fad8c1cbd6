/**
 * Totals by group and over time. One query answers all, because two queries do not see one state: it sums by group and
 * interval, ranks the groups, and puts those beyond the top ones together.
 */
import { INTERVAL_US, intervalStarts } from '../../intervals.js'
import { int } from '../../sql/sql.js'
import { type GroupRow, summaryOf, totalsOf } from '../../summary-shape.js'
import type {
  Summary,
  SummaryGroup,
  SummaryInterval,
  SummaryRequest,
  SummaryTotals,
} from '../../sums.js'
import type { Client } from '../client.js'
import type { OrgNames } from '../meta.js'
import { FROM, type Scope } from './scope.js'
import { added, asNumbers, NO_SUMS, SUMS, type Sums, sumsOf } from './sums.js'

export const GROUP_SQL: Readonly<Record<SummaryGroup, string>> = {
  client: 't.client_id',
  user: 't.user_id',
  resource: 't.site_resource_id',
  site: 't.site_id',
  protocol: 't.protocol',
  port: 't.dest_port',
  destination: 't.dest_ip',
  connState: 't.conn_state',
}

/** What groups are ranked by. */
export const RANKS: Readonly<Record<SummaryRequest['sort'], string>> = {
  sessions: 'toInt128(count())',
  bytes: 'sum(toInt128(coalesce(t.bytes_tx, 0)) + toInt128(coalesce(t.bytes_rx, 0)))',
}

/** The start of a row's interval, from the starts of all. */
function slotSql(interval: SummaryInterval | null, starts: readonly number[]): string {
  if (interval === null || starts.length === 0) return 'toInt64(0)'
  if (interval === 'month') return roundDownSql(starts)
  const width = int(INTERVAL_US[interval])
  return `intDiv(t.start_us, ${width}) * ${width}`
}

export function roundDownSql(starts: readonly number[]): string {
  return `toInt64(roundDown(t.start_us, [${starts.map((us) => `toInt64(${int(us)})`).join(', ')}]))`
}

export async function summary(
  client: Client,
  scope: Scope,
  request: SummaryRequest,
  signal?: AbortSignal,
): Promise<Summary> {
  const starts = intervalStarts(scope.filter, request.interval)
  const rows = await client.rows(scope.orgId, summarySql(scope, request, starts), signal)
  let totals = NO_SUMS
  const [more, groups]: [number[], GroupRow[]] = [[0, 0, 0], []]
  for (const [id, other, slot, ...sums] of rows) {
    const its = sumsOf(sums.slice(0, 6) as string[])
    totals = added(totals, its)
    for (const i of more.keys()) more[i]! += sums[6 + i] as number
    groups.push(
      groupOf(id as string | null, other === 1, slot as number, its, request, scope.names),
    )
  }
  const [open = 0, refused = 0, unanswered = 0] = more
  const all: SummaryTotals = { ...totalsOf(asNumbers(totals)), open, refused, unanswered }
  return summaryOf(request, starts, all, groups)
}

/** Rows (id, other, slot, sums, open, refused, unanswered). */
function summarySql(
  scope: Scope,
  { groupBy, interval, top, sort }: SummaryRequest,
  starts: readonly number[],
): string {
  const group = groupBy === null ? "CAST(NULL, 'Nullable(String)')" : GROUP_SQL[groupBy]
  const cells = `SELECT ${group} AS id, ${slotSql(interval, starts)} AS slot, [${SUMS}] AS sums, ${RANKS[sort]} AS rank_by,
      countIf(${scope.open}) AS open, countIf(t.conn_state = 'REJ') AS refused, countIf(t.conn_state = 'S0') AS unanswered
    FROM ${FROM} WHERE ${scope.where()} GROUP BY id, slot`
  const groups = `SELECT id, sum(rank_by) AS whole, groupArray((slot, sums, open, refused, unanswered)) AS cells
    FROM (${cells}) GROUP BY id`
  const ranked = `SELECT id, row_number() OVER (ORDER BY whole DESC, id ASC NULLS LAST) > ${int(top)} AS other, cells FROM (${groups})`
  const sum = (at: number) => `toString(sum(toInt128(cell.2[${at}])))`
  return `SELECT if(other, NULL, toString(id)) AS name, other, cell.1 AS slot, ${[1, 2, 3, 4, 5, 6].map(sum).join(', ')},
      sum(cell.3), sum(cell.4), sum(cell.5)
    FROM (SELECT id, other, arrayJoin(cells) AS cell FROM (${ranked}))
    GROUP BY name, other, slot ORDER BY other, min(id) ASC NULLS LAST, slot`
}

function groupOf(
  id: string | null,
  other: boolean,
  slot: number,
  sums: Sums,
  { groupBy }: SummaryRequest,
  names: OrgNames,
): GroupRow {
  const name = groupBy === null ? null : nameOf(names, groupBy, id)
  return { id, other, slot, name, ...asNumbers(sums) }
}

export function nameOf(names: OrgNames, kind: SummaryGroup, id: string | null): string | null {
  if (id === null) return null
  if (kind === 'client') return names.clients.get(Number(id)) ?? null
  if (kind === 'resource') return names.resources.get(Number(id)) ?? null
  if (kind === 'site') return names.sites.get(Number(id)) ?? null
  return kind === 'user' ? (names.users.get(id)?.name ?? null) : null
}
