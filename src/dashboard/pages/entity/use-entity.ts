import { OUTCOME_STATES } from '../../../session/outcome-groups.js'
import { fetchLog } from '../../api/logs.js'
import { fetchSummary, fetchTotals } from '../../api/summary.js'
import type { LogRow, Summary, SummaryTotals } from '../../api/types.js'
import { type Query, useQuery } from '../../api/use-query.js'
import { ENTITY_FILTERS, type Entity, type EntityKind } from '../../state/entity.js'
import { spanQuery } from '../../state/filters.js'
import type { Span } from '../../state/range.js'

/** The counterparts of each kind; failures are by the first of them. */
export const COUNTERPARTS = {
  client: ['resource', 'user'],
  user: ['resource', 'client'],
  resource: ['client', 'user'],
  site: ['client', 'resource'],
} as const satisfies Readonly<Record<EntityKind, readonly EntityKind[]>>

export interface EntityAnswer {
  readonly totals: SummaryTotals
  /** Totals of the range of the same length before. */
  readonly before: SummaryTotals
  /** In the order of COUNTERPARTS. */
  readonly counterparts: readonly Summary[]
  /** Failed sessions, by the first kind of counterpart. */
  readonly failures: Summary
  readonly failuresBefore: number
  /** Open sessions, whenever they began. */
  readonly open: number
  /** The first and the latest stored session. */
  readonly first: LogRow | null
  readonly latest: LogRow | null
}

const TOP = 8
const ALWAYS = '1970-01-01T00:00:00Z'

export function useEntity(
  orgId: string,
  { kind, id }: Entity,
  span: Span,
  refreshedMs: number,
): Query<EntityAnswer> {
  const of = { [ENTITY_FILTERS[kind]]: id }
  const key = JSON.stringify(['entity', orgId, kind, id, span, refreshedMs])
  return useQuery<EntityAnswer>(key, async (signal) => {
    const length = span.endMs - span.startMs
    const now = { ...spanQuery(span), ...of }
    const earlier = {
      ...spanQuery({ startMs: span.startMs - length, endMs: span.startMs }),
      ...of,
    }
    const ever = { ...of, timeStart: ALWAYS, timeEnd: now.timeEnd }
    const edge = async (sort: string) => {
      const query = { ...ever, sort, limit: 1, attributes: false, count: false }
      return (await fetchLog(orgId, query, signal)).log[0] ?? null
    }
    const [first, latest, before, failedBefore, open, failures, ...counterparts] =
      await Promise.all([
        edge('startTime'),
        edge('-startTime'),
        fetchTotals(orgId, earlier, signal),
        fetchTotals(orgId, { ...earlier, connState: OUTCOME_STATES.failed }, signal),
        fetchTotals(orgId, { ...ever, state: 'open' }, signal),
        fetchSummary(
          orgId,
          {
            groupBy: COUNTERPARTS[kind][0],
            by: 'sessions',
            top: TOP,
            filters: { ...now, connState: OUTCOME_STATES.failed },
          },
          signal,
        ),
        ...COUNTERPARTS[kind].map((groupBy) =>
          fetchSummary(orgId, { groupBy, top: TOP, filters: now }, signal),
        ),
      ])
    return {
      totals: counterparts[0]!.totals,
      before,
      counterparts,
      failures,
      failuresBefore: failedBefore.sessions,
      open: open.sessions,
      first,
      latest,
    }
  })
}
