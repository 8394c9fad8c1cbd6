/**
 * The "now" of views that were shown. Back shows a view as it was, so its answers can come from memory; every other way
 * to a view is a new load.
 */
import { cameBack } from './url.js'

/** After a longer time, Back loads the view again. */
const KEPT_MS = 5 * 60_000
const VIEWS_MAX = 8

const moments = new Map<string, number>()

/** @param view a key of the page and its selection */
export function momentOf(view: string): number {
  const now = Date.now()
  const kept = cameBack() ? moments.get(view) : undefined
  return kept !== undefined && now - kept < KEPT_MS ? kept : now
}

export function keepMoment(view: string, nowMs: number): void {
  moments.delete(view)
  moments.set(view, nowMs)
  if (moments.size > VIEWS_MAX) moments.delete(moments.keys().next().value!)
}
