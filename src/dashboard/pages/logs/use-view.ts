import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { fetchHistogram } from '../../api/histogram.js'
import type { KeptKind } from '../../api/kept-answers.js'
import { fetchLog } from '../../api/logs.js'
import { fetchTotals } from '../../api/summary.js'
import type { Histogram, SummaryTotals } from '../../api/types.js'
import { useAttributes } from '../../api/use-attributes.js'
import { useQuery } from '../../api/use-query.js'
import { DAY } from '../../format/time.js'
import {
  filtersOf,
  liveOf,
  NEWEST_FIRST,
  rowOf,
  sortOf,
  sortText,
  spanQuery,
} from '../../state/filters.js'
import { keepMoment, momentOf } from '../../state/moment.js'
import { rangeOf, spanOf } from '../../state/range.js'
import { hrefOf, navigate, type QueryParams, useLocation } from '../../state/url.js'
import { useRail } from './use-rail.js'
import { useRows } from './use-rows.js'

/** Live mode loads totals, bars and breakdown less often than rows, because counting costs the server more. */
const LIVE_COUNT_MS = 10_000

/** At most this many, so that each bar is wide enough to see and to drag over. */
const BARS = 90

/**
 * The view of the address bar, and its answers. Rows load apart from totals, bars and breakdown, because those take
 * long for a long time range and rows do not.
 */
export function useView(orgId: string, railShown: boolean) {
  const { params } = useLocation()
  const [refreshedMs, setRefreshedMs] = useState(() => Date.now())
  const live = liveOf(params)
  const row = live ? 1 : rowOf(params)
  const sort = live ? NEWEST_FIRST : sortOf(params)
  const [filters, range] = [filtersOf(params), rangeOf(params)]
  const selection = JSON.stringify([orgId, filters, range, live])
  const ordered = `${selection} ${sortText(sort)}`
  // Each selection and each refresh has its own "now". Other rows of the same selection keep it.
  const answered = useRef<Answered | null>(null)
  const nowMs = useMemo(() => {
    const last = answered.current
    // Back from a selection that got no answer: the rows of the last answer are still here, and so is their "now".
    const refreshed = last !== null && last.refreshedMs !== refreshedMs
    if (last?.ordered === ordered && !refreshed) return last.nowMs
    return live || refreshed ? Date.now() : momentOf(ordered)
  }, [ordered, refreshedMs])
  const selected = (atMs = nowMs): QueryParams => ({
    ...spanQuery(spanOf(range, atMs)),
    ...filters,
  })
  const query = (atMs = nowMs): QueryParams => ({ ...selected(atMs), sort: sortText(sort) })
  const keep = (kind: KeptKind) => (live ? undefined : kind)
  const rows = useRows({
    of: JSON.stringify([ordered, nowMs]),
    row,
    cursor: params.get('after'),
    load: (paging, signal) =>
      fetchLog(orgId, { ...query(), ...paging, attributes: false, count: false }, signal),
    kind: keep('rows'),
  })
  const { settled } = rows
  useEffect(() => {
    if (!settled) return
    answered.current = { ordered, refreshedMs, nowMs, href: hrefOf('/', params) }
    keepMoment(ordered, nowMs)
  }, [settled, ordered, refreshedMs, nowMs, params])
  const round = useRounds(live)
  const asked = () => selected(round === 0 ? nowMs : Date.now())
  const of = `${selection} ${nowMs}`
  const totals = useQuery<Told>(
    `${of} ${round}`,
    async (signal) => ({ of, totals: await fetchTotals(orgId, asked(), signal) }),
    keep('totals'),
  )
  const bars = useQuery<Histogram>(
    `bars ${of} ${round}`,
    (signal) => fetchHistogram(orgId, { ...asked(), bars: BARS }, signal),
    keep('bars'),
  )
  const ghost = params.get('ghost') === '1'
  const earlier = useQuery<Histogram>(
    ghost ? `earlier ${of} ${round}` : null,
    (signal) => fetchHistogram(orgId, { ...weekEarlier(asked()), bars: BARS }, signal),
    keep('earlier'),
  )
  const rail = useRail(orgId, railShown ? `${of} ${round}` : null, asked, keep('rail'))
  return {
    params,
    filters,
    rail,
    nowMs,
    span: spanOf(range, nowMs),
    bars,
    /** The bars of the week before; null: not asked for. */
    earlier: ghost ? earlier.data : null,
    live,
    row,
    sort,
    /** A key of selection and sort order, the same for every row. */
    ordered,
    query,
    rows,
    totals,
    /** Undefined while they load, because old totals beside new rows would be wrong. */
    told: totals.data?.of === of ? totals.data.totals : undefined,
    attributes: useAttributes(orgId, of, asked()),
    /** After a cancel: the rows stay, and the address is theirs again. @returns false before the first answer */
    restore: useCallback(() => {
      if (answered.current !== null) navigate(answered.current.href, { replace: true })
      return answered.current !== null
    }, []),
    refresh: useCallback(() => setRefreshedMs(Date.now()), []),
  }
}

function weekEarlier(query: QueryParams): QueryParams {
  const before = (name: string) => new Date(Date.parse(String(query[name])) - 7 * DAY).toISOString()
  return { ...query, timeStart: before('timeStart'), timeEnd: before('timeEnd') }
}

/** The latest view whose rows have arrived. */
interface Answered {
  readonly ordered: string
  readonly refreshedMs: number
  readonly nowMs: number
  readonly href: string
}

/** Totals, and the selection that they belong to. */
interface Told {
  readonly of: string
  readonly totals: SummaryTotals
}

/** 0; while `running` it grows every LIVE_COUNT_MS. */
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
