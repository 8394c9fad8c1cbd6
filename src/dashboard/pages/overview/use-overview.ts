import { useCallback, useEffect, useMemo, useState } from 'preact/hooks'
import { fetchMatrix, fetchSummary } from '../../api/summary.js'
import type { Summary } from '../../api/types.js'
import { useAttributes } from '../../api/use-attributes.js'
import { cancelTogether, type Query, useQuery } from '../../api/use-query.js'
import { filtersOf, spanQuery } from '../../state/filters.js'
import { GROUPS, type Group } from '../../state/groups.js'
import { keepMoment, momentOf } from '../../state/moment.js'
import { rangeOf, spanOf } from '../../state/range.js'
import { useLocation } from '../../state/url.js'
import { type Interval, intervalFor } from './interval.js'
import { useOdd } from './use-odd.js'

export const TOP_SHOWN = 7
const MATRIX_SHOWN = 8

/** A summary with its own group and interval, because the chart keeps the old answer while a new one loads. */
export interface Chart {
  readonly group: Group
  readonly interval: Interval
  readonly summary: Summary
}

/** The state and the answer of one top list. */
export type TopQuery = Pick<Query<unknown>, 'error' | 'loading'> & {
  readonly summary: Summary | undefined
}

/** The view of the address bar, and its answers. Only the chart's summary has intervals, which cost the server time. */
export function useOverview(orgId: string) {
  const { params } = useLocation()
  const view = `overview ${orgId}`
  const [refreshedMs, setRefreshedMs] = useState(() => momentOf(view))
  const [filters, range] = [filtersOf(params), rangeOf(params)]
  const by = GROUPS.find((group) => group === params.get('by')) ?? 'resource'
  const key = JSON.stringify([orgId, range, filters, refreshedMs])
  const span = useMemo(() => spanOf(range, refreshedMs), [key])
  const interval = intervalFor(span)
  const query = { ...spanQuery(span), ...filters }

  useEffect(() => keepMoment(view, refreshedMs), [view, refreshedMs])

  const loadChart = async (signal: AbortSignal) => {
    const asked = { groupBy: by, top: TOP_SHOWN, interval: interval.name, filters: query }
    return { group: by, interval, summary: await fetchSummary(orgId, asked, signal) }
  }
  const chart = useQuery<Chart>(`${key} ${by}`, loadChart, 'chart')
  const matrix = useQuery(
    key,
    (signal) => fetchMatrix(orgId, MATRIX_SHOWN, query, signal),
    'matrix',
  )
  const useTop = (groupBy: Group) =>
    useQuery(
      groupBy === by ? null : `${key} ${groupBy}`,
      (signal) => fetchSummary(orgId, { groupBy, top: TOP_SHOWN, filters: query }, signal),
      'top',
    )
  const tops = { resource: useTop('resource'), client: useTop('client'), user: useTop('user') }
  const topOf = (group: Group): TopQuery =>
    chart.data?.group === group
      ? { ...chart, summary: chart.data.summary }
      : { ...tops[group], summary: tops[group].data }

  const odd = useOdd(orgId, key, span, filters)
  const parts = [...Object.values(tops), matrix, ...Object.values(odd)]
  const all: Query<Chart> = {
    ...cancelTogether(chart, parts),
    loading: chart.loading || parts.some(({ loading }) => loading),
    slow: chart.slow || parts.some(({ slow }) => slow),
  }
  return {
    filters,
    by,
    span,
    refreshedMs,
    chart,
    matrix,
    odd,
    all,
    top: { resource: topOf('resource'), client: topOf('client'), user: topOf('user') },
    attributes: useAttributes(orgId, key, query),
    refresh: useCallback(() => setRefreshedMs(Date.now()), []),
  }
}
