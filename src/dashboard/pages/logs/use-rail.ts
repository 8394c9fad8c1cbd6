import type { KeptKind } from '../../api/kept-answers.js'
import { fetchSummary } from '../../api/summary.js'
import type { SummaryGroupRow } from '../../api/types.js'
import { type Query, useQuery } from '../../api/use-query.js'
import type { QueryParams } from '../../state/url.js'

export const RAIL_GROUPS = ['client', 'resource', 'port', 'site'] as const
export type RailGroup = (typeof RAIL_GROUPS)[number]
export type Rail = Readonly<Record<RailGroup, readonly SummaryGroupRow[]>>

const SHOWN = 5

/** The largest of each kind, under all filters. @param selection null: the breakdown is hidden */
export function useRail(
  orgId: string,
  selection: string | null,
  filters: () => QueryParams,
  kind: KeptKind | undefined,
): Query<Rail> {
  const load = async (signal: AbortSignal) => {
    const asked = { top: SHOWN, filters: filters() }
    const groups = await Promise.all(
      RAIL_GROUPS.map(
        async (groupBy) => (await fetchSummary(orgId, { ...asked, groupBy }, signal)).groups,
      ),
    )
    return Object.fromEntries(
      RAIL_GROUPS.map((group, at) => [group, groups[at]]),
    ) as unknown as Rail
  }
  return useQuery<Rail>(selection === null ? null : `rail ${selection}`, load, kind)
}
