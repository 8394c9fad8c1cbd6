/**
 * Zooms into the time range and back out with Escape. The address has the current range; this file keeps the last 50
 * ranges for Escape.
 */
import { filterPatch } from './filters.js'
import { type Range, rangeOf, rangeParams, type Span, spanOf } from './range.js'
import { currentLocation, type NavigateOptions, setParams } from './url.js'

interface Zoom {
  readonly before: Range
  readonly after: string
}

const ZOOMS_MAX = 50
const zooms: Zoom[] = []

const keyOf = (range: Range) => JSON.stringify(rangeParams(range))

function show(range: Range, options?: NavigateOptions): void {
  setParams({ ...filterPatch(rangeParams(range)), live: null }, options)
}

export function zoomTo({ startMs, endMs }: Span): void {
  const range: Range = { kind: 'custom', startMs, endMs }
  zooms.push({ before: rangeOf(currentLocation().params), after: keyOf(range) })
  if (zooms.length > ZOOMS_MAX) zooms.shift()
  show(range)
}

/** @returns false when no zoom or move led to the current range */
export function zoomOut(): boolean {
  const now = keyOf(rangeOf(currentLocation().params))
  const at = zooms.findLastIndex(({ after }) => after === now)
  if (at < 0) return false
  const [zoom] = zooms.splice(at)
  show(zoom!.before)
  return true
}

/** Moves the range, but not beyond now. Escape undoes a zoom and all moves after it at once. */
export function moveBy(ms: number): void {
  const nowMs = Date.now()
  const before = rangeOf(currentLocation().params)
  const { startMs, endMs } = spanOf(before, nowMs)
  const by = ms > 0 ? Math.min(ms, Math.max(0, nowMs - endMs)) : ms
  if (by === 0) return
  const range: Range = { kind: 'custom', startMs: startMs + by, endMs: endMs + by }
  const last = zooms.at(-1)
  if (last?.after === keyOf(before)) zooms[zooms.length - 1] = { ...last, after: keyOf(range) }
  else zooms.push({ before, after: keyOf(range) })
  show(range, { replace: true })
}
