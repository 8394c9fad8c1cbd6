/** What may be odd in the range: how it differs from the time before, what is new, and what failed. */
import { OUTCOME_STATES } from '../../../session/outcome-groups.js'
import { fetchCompleteness } from '../../api/completeness.js'
import { fetchChanges, fetchNewPairs, fetchSummary, fetchTotals } from '../../api/summary.js'
import { useQuery } from '../../api/use-query.js'
import { type Filters, spanQuery } from '../../state/filters.js'
import type { Span } from '../../state/range.js'

const SHOWN = 8

export type OddQueries = ReturnType<typeof useOdd>

export function useOdd(orgId: string, key: string, span: Span, filters: Filters) {
  const query = { ...spanQuery(span), ...filters }
  const earlier = spanQuery({ startMs: 2 * span.startMs - span.endMs, endMs: span.startMs })
  const failed = failedStates(filters)
  const failures = (signal: AbortSignal) => {
    const only = { ...query, connState: failed }
    const asked = { groupBy: 'resource', by: 'sessions', top: SHOWN, filters: only } as const
    return fetchSummary(orgId, asked, signal)
  }
  return {
    before: useQuery(
      key,
      (signal) => fetchTotals(orgId, { ...filters, ...earlier }, signal),
      'before',
    ),
    completenessBefore: useQuery(
      key,
      (signal) => fetchCompleteness(orgId, earlier, signal),
      'completenessBefore',
    ),
    clients: useQuery(key, (signal) => fetchChanges(orgId, 'client', query, signal), 'clients'),
    resources: useQuery(
      key,
      (signal) => fetchChanges(orgId, 'resource', query, signal),
      'resources',
    ),
    newPairs: useQuery(key, (signal) => fetchNewPairs(orgId, SHOWN, query, signal), 'newPairs'),
    failures: useQuery(failed.length === 0 ? null : key, failures, 'failures'),
  }
}

/** The outcomes of failed sessions that the filters let through. */
export function failedStates({ connState }: Filters): readonly string[] {
  return OUTCOME_STATES.failed.filter((state) => connState?.includes(state) ?? true)
}
