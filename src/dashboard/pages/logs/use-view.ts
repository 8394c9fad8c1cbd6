import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { fetchHistogram } from '../../api/histogram.js'
import { fetchLog } from '../../api/logs.js'
import { fetchTotals } from '../../api/summary.js'
import type { Histogram, LogAnswer, SummaryTotals } from '../../api/types.js'
import { useAttributes } from '../../api/use-attributes.js'
import { useQuery } from '../../api/use-query.js'
import {
  filtersOf,
  liveOf,
  NEWEST_FIRST,
  pageOf,
  pageSizeOf,
  pagingOf,
  sortOf,
  sortText,
  spanQuery,
} from '../../state/filters.js'
import { rangeOf, spanOf } from '../../state/range.js'
import { hrefOf, navigate, type QueryParams, useLocation } from '../../state/url.js'
import { useRail } from './use-rail.js'

/** Rows come every second or two in live mode; how many there are is worth less, and dearer. */
const LIVE_COUNT_MS = 10_000

/** At most: so that each can be seen and dragged over. */
const BARS = 90

/**
 * The view as the address bar says it, and its answers: the rows, and, apart so that rows need not wait for them, how
 * many the whole selection has and how much went through them. Over a long time those take long, rows do not.
 */
export function useView(orgId: string, railShown: boolean) {
  const { params } = useLocation()
  const [refreshedMs, setRefreshedMs] = useState(() => Date.now())
  const live = liveOf(params)
  const page = live ? 1 : pageOf(params)
  const pageSize = pageSizeOf(params)
  const sort = live ? NEWEST_FIRST : sortOf(params)
  const [filters, range] = [filtersOf(params), rangeOf(params)]
  const selection = JSON.stringify([orgId, filters, range, live])
  const ordered = `${selection} ${sortText(sort)}`
  // A new selection, like a refresh, is made as of now; another page of the same selection is not.
  const answered = useRef<Answered | null>(null)
  const nowMs = useMemo(() => {
    const last = answered.current
    // What is come back to from a selection that was not answered is the one that is still in hand.
    return last?.ordered === ordered && last.refreshedMs === refreshedMs ? last.nowMs : Date.now()
  }, [ordered, refreshedMs])
  const paging = live ? { limit: pageSize, offset: 0 } : pagingOf(params)
  const selected = (atMs = nowMs): QueryParams => ({
    ...spanQuery(spanOf(range, atMs)),
    ...filters,
  })
  const query = (atMs = nowMs): QueryParams => ({ ...selected(atMs), sort: sortText(sort) })
  const key = JSON.stringify([ordered, nowMs, paging])
  const rows = useQuery<LogAnswer>(key, (signal) =>
    fetchLog(orgId, { ...query(), ...paging, attributes: false, count: false }, signal),
  )
  const settled = rows.of === key
  useEffect(() => {
    if (settled) answered.current = { ordered, refreshedMs, nowMs, href: hrefOf('/', params) }
  }, [settled, ordered, refreshedMs, nowMs, params])
  const round = useRounds(live)
  const asked = () => selected(round === 0 ? nowMs : Date.now())
  const of = `${selection} ${nowMs}`
  const totals = useQuery<Told>(`${of} ${round}`, async (signal) => ({
    of,
    totals: await fetchTotals(orgId, asked(), signal),
  }))
  const bars = useQuery<Histogram>(`bars ${of} ${round}`, (signal) =>
    fetchHistogram(orgId, { ...asked(), bars: BARS }, signal),
  )
  const rail = useRail(orgId, railShown ? `${of} ${round}` : null, asked)
  return {
    params,
    filters,
    rail,
    span: spanOf(range, nowMs),
    bars,
    live,
    page,
    pageSize,
    sort,
    /** Changes with what is selected and how it is sorted, not with the page. */
    ordered,
    query,
    rows,
    totals,
    /** Undefined while they are being made: old ones beside new rows would be wrong. */
    told: totals.data?.of === of ? totals.data.totals : undefined,
    attributes: useAttributes(orgId, of, asked()),
    /** The rows that are shown stay, and the address says again what they are. */
    restore: useCallback(() => {
      if (answered.current !== null) navigate(answered.current.href, { replace: true })
      return answered.current !== null
    }, []),
    refresh: useCallback(() => setRefreshedMs(Date.now()), []),
  }
}

/** The latest view that has its rows. */
interface Answered {
  readonly ordered: string
  readonly refreshedMs: number
  readonly nowMs: number
  readonly href: string
}

/** Totals, and of which selection. */
interface Told {
  readonly of: string
  readonly totals: SummaryTotals
}

/** 0, and while `running` a number that grows. */
function useRounds(running: boolean): number {
  const [round, setRound] = useState(0)
  useEffect(() => {
    if (!running) return
    const timer = setInterval(() => {
      if (!document.hidden) setRound((n) => n + 1)
    }, LIVE_COUNT_MS)
    return () => {
      clearInterval(timer)
      setRound(0)
    }
  }, [running])
  return round
}
