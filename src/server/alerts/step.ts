/** Computes an alert's next state from its findings, so that each finding is reported once. */
import type { AlertEvent, AlertState, Condition, Finding, Told } from './alert.js'

export const PENDING_MAX = 20
export const TOLD_MAX = 500
/** A finding that returns within this time of its end (1 h) is reported again only if it is still there at the end of it. */
export const REPEAT_MS = 3600e3

/** Conditions whose end is reported. A new value and a hole have no end. */
const ENDING: readonly Condition['kind'][] = ['count', 'bytes', 'silence']

/** When a finding that returned may be reported again. Undefined: it is new, or it was reported and never ended. */
function mutedUntil(before: Told | undefined): number | undefined {
  if (before === undefined) return undefined
  return before.endedMs === null ? before.mutedUntilMs : before.endedMs + REPEAT_MS
}

export function step(
  state: AlertState,
  kind: Condition['kind'],
  findings: readonly Finding[],
  nowMs: number,
): AlertState {
  const at = new Date(nowMs).toISOString()
  const told: Record<string, Told> = {}
  const events: AlertEvent[] = []
  let { repeated } = state
  for (const { key, text } of findings.slice(0, TOLD_MAX)) {
    const before = state.told[key]
    const mutedUntilMs = mutedUntil(before)
    const isNew = before === undefined || (mutedUntilMs !== undefined && nowMs >= mutedUntilMs)
    told[key] = {
      ...{ text: before?.text ?? text, endedMs: null },
      ...(!isNew && mutedUntilMs !== undefined && { mutedUntilMs }),
    }
    if (text === null) continue
    if (isNew) events.push({ at, what: 'begins', text })
    else if (before.endedMs !== null) repeated++
  }
  for (const [key, one] of Object.entries(state.told)) {
    if (key in told) continue
    const { text, mutedUntilMs } = one
    const isTold = one.endedMs === null && mutedUntilMs === undefined
    if (isTold && text !== null && ENDING.includes(kind)) events.push({ at, what: 'ends', text })
    // A return that was not reported does not move the time of the last end.
    const endedMs = one.endedMs ?? (mutedUntilMs === undefined ? nowMs : mutedUntilMs - REPEAT_MS)
    if (nowMs - endedMs < REPEAT_MS && Object.keys(told).length < TOLD_MAX)
      told[key] = { text, endedMs }
  }
  const pending = [...state.pending, ...events]
  return {
    ...state,
    told,
    repeated,
    pending: pending.slice(0, PENDING_MAX),
    leftOut: state.leftOut + Math.max(0, pending.length - PENDING_MAX),
  }
}
