/** The bars of a histogram: widths, starts, and the answer from what was counted. */
import { OUTCOME_GROUPS } from '../../session/outcome-groups.js'
import type { LogFilter } from './filter.js'
import type { Histogram } from './sums.js'

const SECOND_US = 1e6
const MINUTE_US = 60e6
const HOUR_US = 60 * MINUTE_US
const DAY_US = 24 * HOUR_US
/** Common units of time. */
const WIDTHS_US = [
  ...[1, 5, 15, 30].map((n) => n * SECOND_US),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE_US),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR_US),
  ...[1, 2, 7, 14, 28].map((n) => n * DAY_US),
]

export interface Bars {
  /** Start of the first bar. */
  readonly originUs: number
  readonly widthUs: number
  readonly count: number
}

/** Bars begin at whole multiples of their width in a time zone that is `offsetUs` ahead of UTC. */
export function barsOf(
  { fromUs, toUs }: Pick<LogFilter, 'fromUs' | 'toUs'>,
  most: number,
  offsetUs: number,
): Bars {
  const barsAt = (widthUs: number): Bars => {
    const originUs = Math.floor((fromUs + offsetUs) / widthUs) * widthUs - offsetUs
    return { originUs, widthUs, count: Math.max(1, Math.ceil((toUs - originUs) / widthUs)) }
  }
  const widest = WIDTHS_US.at(-1)!
  for (const width of WIDTHS_US) {
    const bars = barsAt(width)
    if (bars.count <= most) return bars
  }
  for (let widthUs = widest; ; widthUs *= 2) {
    const bars = barsAt(widthUs)
    // At least two bars, because a range may contain a whole multiple of every width.
    if (bars.count <= Math.max(2, most)) return bars
  }
}

/** The sum of one outcome in one bar. */
export interface BarRow {
  readonly bar: number
  readonly outcome: string
  readonly sessions: number
  readonly bytes: number
}

export function histogramOf(
  { originUs, widthUs, count }: Bars,
  rows: readonly BarRow[],
): Histogram {
  const empty = () => ({ sessions: Array(count).fill(0), bytes: Array(count).fill(0) })
  const outcomes = Object.fromEntries(
    OUTCOME_GROUPS.map((name) => [name, empty()]),
  ) as Histogram['outcomes'] & Record<string, { sessions: number[]; bytes: number[] }>
  for (const { bar, outcome, sessions, bytes } of rows) {
    const one = outcomes[outcome]!
    one.sessions[bar] = sessions
    one.bytes[bar] = bytes
  }
  return { originUs, widthUs, count, outcomes }
}
