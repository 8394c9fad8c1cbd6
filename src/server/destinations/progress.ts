/** How far a destination is, as values: what is new, what an outcome makes of it. */
import { endOfArrival, type LogFilter } from '../store/store.js'
import type { Delivered } from './delivering.js'
import { backoffMs, PROBE_MS, type Settled } from './outcome.js'
import type { Backfill, DestinationState, Stream } from './records.js'

export function newState(lastArrival: number): DestinationState {
  return {
    live: { cursor: endOfArrival(lastArrival), pending: null, number: 0 },
    backfill: null,
    delivered: 0,
    deadLettered: 0,
    rejected: 0,
    deletedUndelivered: 0,
    lastSuccessAt: null,
    lastFailure: null,
    failures: 0,
    refusedInRow: 0,
    blocked: false,
    nextAttemptMs: 0,
    hours: {},
    days: {},
  }
}

/** Behind a commit nothing of it is left; within one there may be. */
export function isBehind({ cursor, pending }: Stream, last: number): boolean {
  if (pending !== null || cursor.arrival < last) return true
  return cursor.arrival === last && cursor.run !== endOfArrival(last).run
}

export function inRange(filter: LogFilter, { fromUs, toUs }: Backfill): LogFilter {
  return { ...filter, fromUs, toUs }
}

export function more(stream: Stream | Backfill, delivered: number): Partial<Backfill> {
  return 'delivered' in stream ? { delivered: stream.delivered + delivered } : {}
}

export function notSent(outcome: Settled): Delivered {
  const none = { delivered: 0, deadLettered: 0, rejected: 0, refusedInRow: 0 }
  return { outcome, attempts: [], ...none }
}

export function after(
  { failures }: DestinationState,
  outcome: Settled,
  nowMs: number,
): Partial<DestinationState> {
  const at = new Date(nowMs).toISOString()
  if (outcome.kind === 'delivered') {
    const { status, rejected } = outcome
    const lastFailure = rejected && { lastFailure: { at, status, text: rejected.text } }
    return { failures: 0, blocked: false, nextAttemptMs: 0, lastSuccessAt: at, ...lastFailure }
  }
  const { kind, status, text } = outcome
  const jitterMs = backoffMs(failures)
  const waitMs =
    kind === 'blocked'
      ? PROBE_MS
      : Math.max(jitterMs, kind === 'later' ? (outcome.afterMs ?? 0) : 0)
  return {
    failures: failures + 1,
    blocked: kind === 'blocked',
    nextAttemptMs: nowMs + Math.ceil(waitMs),
    lastFailure: { at, status, text },
  }
}
