/** What an evaluation changes: who is told what, once. */
import type { AlertEvent, AlertState, Condition, Finding, Told } from './alert.js'

export const PENDING_MAX = 20
export const TOLD_MAX = 500
/** The same thing is told once in this time, however often it ends and begins again. */
export const REPEAT_MS = 3600e3

/** Conditions that end. A new value and a hole only happen. */
const ENDING: readonly Condition['kind'][] = ['count', 'bytes', 'silence']

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
    told[key] = { text: before?.text ?? text, endedMs: null }
    if (text === null || before?.endedMs === null) continue
    if (before === undefined) events.push({ at, what: 'begins', text })
    else repeated++
  }
  for (const [key, one] of Object.entries(state.told)) {
    if (key in told) continue
    const endedMs = one.endedMs ?? nowMs
    const isNew = one.endedMs === null && one.text !== null && ENDING.includes(kind)
    if (isNew) events.push({ at, what: 'ends', text: one.text! })
    if (nowMs - endedMs < REPEAT_MS && Object.keys(told).length < TOLD_MAX)
      told[key] = { ...one, endedMs }
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
