/**
 * The time range: a preset (`range=24h`, relative to now) or two instants (`timeStart`, `timeEnd`, ISO 8601).
 *
 * "Now" is the time when the view was loaded or refreshed, not the time of each request. So the pages of a table, its
 * total and its export cover the same rows while new ones arrive.
 */

import { DAY, formatDay, formatMinute, HOUR, MINUTE } from '../format/time.js'
import { calendar } from '../format/zone.js'
import { common } from '../texts/common.js'

export interface Span {
  readonly startMs: number
  readonly endMs: number
}

/** Ends one minute after now, because a meter's clock may be ahead of the browser's. */
const untilNow = (startMs: number, nowMs: number): Span => ({ startMs, endMs: nowMs + MINUTE })
const last = (ms: number) => (nowMs: number) => untilNow(nowMs - ms, nowMs)

/** Midnight in the chosen zone, `days` after the day of `nowMs`. Counts calendar days, because a day has 23 to 25 hours. */
function midnight(nowMs: number, days = 0): number {
  const { year, month, day } = calendar().at(nowMs)
  return calendar().ms(year, month, day + days)
}

const PRESETS = {
  '1h': last(HOUR),
  '24h': last(24 * HOUR),
  '7d': last(7 * DAY),
  '30d': last(30 * DAY),
  today: (nowMs: number) => untilNow(midnight(nowMs), nowMs),
  yesterday: (nowMs: number): Span => ({ startMs: midnight(nowMs, -1), endMs: midnight(nowMs) }),
} as const
export type Preset = keyof typeof PRESETS
export const PRESET_NAMES = Object.keys(PRESETS) as Preset[]

export type Range =
  | { readonly kind: 'preset'; readonly preset: Preset }
  | { readonly kind: 'custom'; readonly startMs: number; readonly endMs: number }

export const DEFAULT_PRESET: Preset = '24h'

export function rangeOf(params: URLSearchParams): Range {
  const startMs = Date.parse(params.get('timeStart') ?? '')
  const endMs = Date.parse(params.get('timeEnd') ?? '')
  if (startMs < endMs) return { kind: 'custom', startMs, endMs }
  const preset = params.get('range')
  const known = PRESET_NAMES.find((name) => name === preset)
  return { kind: 'preset', preset: known ?? DEFAULT_PRESET }
}

export function rangeParams(range: Range): Record<string, string | null> {
  if (range.kind === 'custom') {
    return {
      range: null,
      timeStart: new Date(range.startMs).toISOString(),
      timeEnd: new Date(range.endMs).toISOString(),
    }
  }
  const preset = range.preset === DEFAULT_PRESET ? null : range.preset
  return { range: preset, timeStart: null, timeEnd: null }
}

export function spanOf(range: Range, nowMs: number): Span {
  if (range.kind === 'custom') return { startMs: range.startMs, endMs: range.endMs }
  return PRESETS[range.preset](nowMs)
}

export function rangeLabel(range: Range): string {
  if (range.kind === 'preset') return common().presets[range.preset]
  const { startMs, endMs } = range
  const sameDay = midnight(startMs) === midnight(endMs)
  const end = sameDay ? formatMinute(endMs) : `${formatDay(endMs)} ${formatMinute(endMs)}`
  return `${formatDay(startMs)} ${formatMinute(startMs)} – ${end}`
}
