/** The width of a bar, by the length of the range. Some bars are sums of several of the API's intervals. */
import type { Summary, SummarySeries } from '../../api/types.js'
import { DAY, HOUR, MINUTE } from '../../format/time.js'
import type { Span } from '../../state/range.js'

const INTERVALS = [
  { spanMs: 2 * HOUR, name: 'minute', barMs: MINUTE, bar: 'minute' },
  { spanMs: 12 * HOUR, name: '5minutes', barMs: 5 * MINUTE, bar: 'minutes5' },
  { spanMs: 36 * HOUR, name: '5minutes', barMs: 15 * MINUTE, bar: 'minutes15' },
  { spanMs: 4 * DAY, name: 'hour', barMs: HOUR, bar: 'hour' },
  { spanMs: 10 * DAY, name: 'hour', barMs: 2 * HOUR, bar: 'hours2' },
  { spanMs: 40 * DAY, name: 'hour', barMs: 6 * HOUR, bar: 'hours6' },
  { spanMs: 400 * DAY, name: 'day', barMs: DAY, bar: 'day' },
  { spanMs: Number.POSITIVE_INFINITY, name: 'month', barMs: 0, bar: 'month' },
] as const
export type Interval = (typeof INTERVALS)[number]

export function intervalFor({ startMs, endMs }: Span): Interval {
  return INTERVALS.find(({ spanMs }) => endMs - startMs <= spanMs)!
}

/** Sums neighbouring intervals into bars of `barMs`, which begin at whole multiples of it. */
export function mergeBars(
  summary: Summary,
  { barMs }: Interval,
): Pick<Summary, 'times' | 'series'> {
  const { times, series } = summary
  if (barMs === 0) return { times, series }
  const barOf = times.map((time) => Math.floor(Date.parse(time) / barMs))
  const first = barOf[0] ?? 0
  const length = times.length === 0 ? 0 : barOf[barOf.length - 1]! - first + 1
  const sum = (values: readonly number[]) => {
    const bars = new Array<number>(length).fill(0)
    values.forEach((value, i) => {
      bars[barOf[i]! - first]! += value
    })
    return bars
  }
  return {
    times: Array.from({ length }, (_, bar) => new Date((first + bar) * barMs).toISOString()),
    series: series.map(
      (one): SummarySeries => ({
        ...one,
        sessions: sum(one.sessions),
        bytesTx: sum(one.bytesTx),
        bytesRx: sum(one.bytesRx),
      }),
    ),
  }
}
