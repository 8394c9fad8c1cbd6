import { useCallback, useMemo, useState } from 'preact/hooks'
import type { QueryParams } from '../../api/client.js'
import { fetchLog } from '../../api/logs.js'
import type { LogAnswer } from '../../api/types.js'
import { useQuery } from '../../api/use-query.js'
import {
  filtersOf,
  NEWEST_FIRST,
  pageOf,
  pageSizeOf,
  sortOf,
  sortText,
  spanQuery,
} from '../../state/filters.js'
import { rangeOf, spanOf } from '../../state/range.js'
import { useLocation } from '../../state/url.js'

/**
 * The view as the address bar says it, and its two answers: the rows, and, apart so that rows need not wait for them, the
 * total and the values to filter by. Those take long over a long time, rows do not.
 */
export function useView(orgId: string) {
  const { params } = useLocation()
  const [refreshedMs, setRefreshedMs] = useState(() => Date.now())
  const page = pageOf(params)
  const pageSize = pageSizeOf(params)
  const live = params.get('live') === '1'
  const sort = live ? NEWEST_FIRST : sortOf(params)
  const [filters, range] = [filtersOf(params), rangeOf(params)]
  const selection = JSON.stringify([filters, range, sortText(sort), live])
  // A new selection, like a refresh, is made as of now; another page of the same selection is not.
  const nowMs = useMemo(() => Date.now(), [selection, refreshedMs])
  const paging = { limit: pageSize, offset: (page - 1) * pageSize }
  const query = (atMs = nowMs): QueryParams => ({
    ...spanQuery(spanOf(range, atMs)),
    ...filters,
    sort: sortText(sort),
  })
  const rows = useQuery<LogAnswer>(JSON.stringify([orgId, selection, nowMs, paging]), (signal) =>
    fetchLog(orgId, { ...query(), ...paging, attributes: false, count: false }, signal),
  )
  const counts = useQuery<LogAnswer>(JSON.stringify([orgId, selection, nowMs]), (signal) =>
    fetchLog(orgId, { ...query(), limit: 1 }, signal),
  )
  return {
    params,
    live,
    page,
    pageSize,
    sort,
    query,
    rows,
    counts,
    refresh: useCallback(() => setRefreshedMs(Date.now()), []),
  }
}
