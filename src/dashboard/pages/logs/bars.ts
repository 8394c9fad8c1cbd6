/** Geometry of the histogram: shares of its width and height, from counts and times. */

import type { Completeness, Histogram } from '../../api/types.js'
import { DAY, formatDay, formatMinute, HOUR, MINUTE } from '../../format/time.js'
import { utcOffset } from '../../format/zone.js'
import { kindOf } from '../../parts/completeness-text.js'
import type { Span } from '../../state/range.js'
import { format } from '../../texts/format.js'

/** From the bottom of a bar to its top. */
export const OUTCOMES = ['closed', 'open', 'reset', 'failed'] as const
export type Outcome = (typeof OUTCOMES)[number]
export type Measure = 'sessions' | 'bytes'

export function totalOf({ outcomes }: Histogram, outcome: Outcome, measure: Measure): number {
  return outcomes[outcome][measure].reduce((sum, n) => sum + n, 0)
}

/** The time of all bars together. */
export function spanOfBars({ from, barSeconds, bars }: Histogram): Span {
  const startMs = Date.parse(from)
  return { startMs, endMs: startMs + bars * barSeconds * 1000 }
}

export function spanOfBar({ from, barSeconds }: Histogram, bar: number): Span {
  const startMs = Date.parse(from) + bar * barSeconds * 1000
  return { startMs, endMs: startMs + barSeconds * 1000 }
}

/** The bars of this, one week later; null when they do not fit these. */
export function weekBefore(
  earlier: Histogram | undefined,
  { from, barSeconds, bars }: Histogram,
  measure: Measure,
): readonly number[] | null {
  if (earlier?.barSeconds !== barSeconds) return null
  const passed = Date.parse(from) - 7 * DAY - Date.parse(earlier.from)
  // Bars of whole days begin an hour apart when the clocks change in between.
  const shift = Math.round(passed / (barSeconds * 1000))
  return Array.from({ length: bars }, (_, bar) =>
    OUTCOMES.reduce((sum, one) => sum + (earlier.outcomes[one][measure][bar + shift] ?? 0), 0),
  )
}

/** The highest bar; what is drawn behind the bars has their scale. */
function mostOf(sums: readonly number[], behind: readonly number[]): number {
  return Math.max(1, ...sums, ...behind)
}

function sumsOf({ bars, outcomes }: Histogram, measure: Measure): readonly number[] {
  return Array.from({ length: bars }, (_, bar) =>
    OUTCOMES.reduce((sum, outcome) => sum + outcomes[outcome][measure][bar]!, 0),
  )
}

/** Shares of the height. */
export function ghostOf(
  histogram: Histogram,
  measure: Measure,
  behind: readonly number[],
): readonly number[] {
  const most = mostOf(sumsOf(histogram, measure), behind)
  return behind.map((value) => value / most)
}

export interface Piece {
  readonly outcome: Outcome
  readonly bar: number
  /** Shares of the height. */
  readonly from: number
  readonly height: number
}

/** The least share of the height, so that small values stay visible. */
const LEAST = 0.03

export function piecesOf(
  histogram: Histogram,
  measure: Measure,
  behind: readonly number[] = [],
): Piece[] {
  const { outcomes } = histogram
  const sums = sumsOf(histogram, measure)
  const most = mostOf(sums, behind)
  return sums.flatMap((_, bar) => {
    let from = 0
    return OUTCOMES.flatMap((outcome) => {
      const value = outcomes[outcome][measure][bar]!
      if (value === 0) return []
      const height = Math.max(LEAST, value / most)
      const piece = { outcome, bar, from: Math.min(from, 1 - LEAST), height }
      from += height
      return [{ ...piece, height: Math.min(height, 1 - piece.from) }]
    })
  })
}

export interface Hatch extends Span {
  readonly kind: ReturnType<typeof kindOf>
}

/** Holes of the selected sites, cut to the span. The worst come last, so that they are drawn on top. */
export function hatchesOf(
  answer: Completeness | undefined,
  siteIds: readonly string[] | undefined,
  { startMs, endMs }: Span,
): Hatch[] {
  const sites = answer?.sites ?? []
  const worst = ['deleted', 'unwatched', 'lost', 'silent']
  const seen = new Set<string>()
  return sites
    .filter(({ siteId }) => siteIds === undefined || siteIds.includes(String(siteId)))
    .flatMap(({ meters }) => meters.flatMap(({ holes }) => holes))
    .map((hole) => ({
      kind: kindOf(hole),
      startMs: Math.max(startMs, Date.parse(hole.from)),
      endMs: Math.min(endMs, Date.parse(hole.to)),
    }))
    .filter((hatch) => {
      const key = JSON.stringify(hatch)
      const fresh = hatch.startMs <= hatch.endMs && !seen.has(key)
      seen.add(key)
      return fresh
    })
    .sort((a, b) => worst.indexOf(a.kind) - worst.indexOf(b.kind))
}

const TICKS = [
  ...[1, 5, 15, 30].map((n) => n * MINUTE),
  ...[1, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 30, 91, 365].map((n) => n * DAY),
]
const TICKS_MAX = 12

/** The labels below the bars, at whole steps of the zone's clock. */
export function ticksOf({ startMs, endMs }: Span): { ms: number; text: string }[] {
  const step = TICKS.find((ms) => (endMs - startMs) / ms <= TICKS_MAX) ?? (endMs - startMs) / 2
  const offsetMs = utcOffset(endMs) * MINUTE
  const first = Math.ceil((startMs + offsetMs) / step) * step - offsetMs
  const length = Math.max(0, Math.floor((endMs - first) / step) + 1)
  return Array.from({ length }, (_, i) => first + i * step).map((ms) => ({
    ms,
    text: step >= DAY || (ms + offsetMs) % DAY === 0 ? formatDay(ms) : formatMinute(ms),
  }))
}

/** `2 h`: the width of one bar. */
export function widthText(seconds: number): string {
  const [ms, days] = [seconds * 1000, seconds / 86_400]
  if (ms < MINUTE) return `${seconds} s`
  if (ms < HOUR) return `${ms / MINUTE} min`
  if (ms < DAY) return `${ms / HOUR} h`
  return format().days(days)
}
