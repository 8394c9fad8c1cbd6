/** Totals by month: those of stored sessions and those of deleted ones. Months are UTC. */
import { usToIso } from '../../../../base/instant.js'
import { next, storable } from '../../intervals.js'
import { byId, byText, totalsOf } from '../../summary-shape.js'
import type { UsageRequest, UsageRow } from '../../sums.js'
import type { Client } from '../client.js'
import type { SessionMeta } from '../meta.js'
import { FROM, type Scope } from './scope.js'
import { nameOf, roundDownSql } from './summary.js'
import { added, asNumbers, NO_SUMS, SUMS, type Sums, sumsOf } from './sums.js'

const USAGE_COLUMN = {
  client: 'client_id',
  user: 'user_id',
  resource: 'site_resource_id',
  site: 'site_id',
} as const

/** The range of the requested months. */
export function usageRange({ fromMonth, toMonth }: UsageRequest): { fromUs: number; toUs: number } {
  return {
    fromUs: storable(Date.parse(`${fromMonth}-01T00:00:00Z`) * 1e3),
    toUs: storable(next(Date.parse(`${toMonth}-01T00:00:00Z`) * 1e3, 'month')),
  }
}

/** The starts of the months of a range; it begins with one. */
function monthsOf({ fromUs, toUs }: { fromUs: number; toUs: number }): number[] {
  const months: number[] = []
  for (let us = fromUs; us < toUs; us = next(us, 'month')) months.push(us)
  return months
}

function monthOf(us: number): string {
  return usToIso(us).slice(0, 7)
}

/** @param scope the sessions of usageRange() */
export async function usage(
  client: Client,
  meta: SessionMeta,
  scope: Scope,
  request: UsageRequest,
  signal?: AbortSignal,
): Promise<readonly UsageRow[]> {
  const cells = new Map<string, { month: string; id: string | null; sums: Sums }>()
  const add = (month: string, id: string | null, sums: Sums) => {
    const key = JSON.stringify([month, id])
    cells.set(key, { month, id, sums: added(cells.get(key)?.sums ?? NO_SUMS, sums) })
  }
  const months = monthsOf(scope.filter)
  if (months.length > 0) {
    const sql = `SELECT ${roundDownSql(months)} AS month, toString(t.${USAGE_COLUMN[request.groupBy]}) AS id, ${SUMS}
      FROM ${FROM} WHERE ${scope.where()} GROUP BY month, id`
    for (const [month, id, ...sums] of await client.rows(scope.orgId, sql, signal))
      add(monthOf(month as number), id as string | null, sumsOf(sums as string[]))
  }
  for (const kept of await meta.keptUsage(scope.orgId, request)) {
    const { month, id, sessions, connections, bytesTx, bytesRx, packetsTx, packetsRx } = kept
    const bytes = { bytes_tx: bytesTx, bytes_rx: bytesRx }
    add(month, id, {
      ...{ sessions, connections, ...bytes },
      ...{ packets_tx: packetsTx, packets_rx: packetsRx },
    })
  }
  return [...cells.values()]
    .filter(({ sums }) => sums.sessions > 0n)
    .sort((a, b) => byText(b.month, a.month) || bytesFirst(a.sums, b.sums) || byId(a.id, b.id))
    .map(({ month, id, sums }) => ({
      month,
      id,
      name: nameOf(scope.names, request.groupBy, id),
      ...totalsOf(asNumbers(sums)),
    }))
}

/** By the numbers that are answered, so that those which are shown as equal are in order of their ids. */
function bytesFirst(a: Sums, b: Sums): number {
  return Number(b.bytes_tx) + Number(b.bytes_rx) - (Number(a.bytes_tx) + Number(a.bytes_rx))
}
