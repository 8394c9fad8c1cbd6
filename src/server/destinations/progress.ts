/** The progress of a destination as pure functions on its state. */
import { AppError, messageOf } from '../../base/errors.js'
import { endOfArrival, type LogFilter } from '../store/store.js'
import type { Delivered } from './delivering.js'
import { backoffMs, PROBE_MS, type Settled, shown } from './outcome.js'
import {
  BACKFILLS_MAX,
  type Backfill,
  type DestinationState,
  type Pending,
  type Stream,
} from './records.js'

export function newState(lastArrival: number): DestinationState {
  return {
    live: { cursor: endOfArrival(lastArrival), pending: null, number: 0 },
    backfills: [],
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

/**
 * True if the stream may have more to send, up to the commit `last`. A cursor within a commit leaves the rest of it.
 */
export function isBehind({ cursor, pending }: Stream, last: number): boolean {
  if (pending !== null || cursor.arrival < last) return true
  return cursor.arrival === last && cursor.run !== endOfArrival(last).run
}

/** LIVE for arriving sessions, or the id of a backfill. */
export type StreamKey = typeof LIVE | number
export const LIVE = 'live'

export function streamOf(state: DestinationState, key: StreamKey): Stream | Backfill | undefined {
  return key === LIVE ? state.live : state.backfills.find(({ id }) => id === key)
}

export function isStopped(state: DestinationState, key: StreamKey): boolean {
  const stream = streamOf(state, key)
  return stream === undefined || ('endedAt' in stream && stream.endedAt !== null)
}

export function changed(
  state: DestinationState,
  key: StreamKey,
  change: Partial<Backfill>,
): DestinationState {
  if (key === LIVE) return { ...state, live: { ...state.live, ...change } }
  const backfills = state.backfills.map((one) => (one.id === key ? { ...one, ...change } : one))
  return { ...state, backfills }
}

/** @throws AppError TOO_MANY_BACKFILLS */
export function withBackfill(
  state: DestinationState,
  asked: Pick<Backfill, 'fromUs' | 'toUs' | 'upTo' | 'startedAt'>,
): DestinationState {
  const { backfills } = state
  // The newest backfill is never dropped from the list, so ids are never reused.
  const id = (backfills.at(-1)?.id ?? 0) + 1
  const ended = backfills.findIndex(({ endedAt }) => endedAt !== null)
  const isFull = backfills.length >= BACKFILLS_MAX
  if (isFull && (ended === -1 || ended === backfills.length - 1))
    throw new AppError(
      'TOO_MANY_BACKFILLS',
      `a destination has at most ${BACKFILLS_MAX} backfills under way; wait for one, or stop one`,
    )
  const kept = isFull ? backfills.filter((_, i) => i !== ended) : backfills
  const stream = { cursor: endOfArrival(-1), pending: null, number: 0 }
  const counts = { delivered: 0, deletedUndelivered: 0 }
  const fresh: Backfill = { id, ...asked, ...stream, ...counts, endedAt: null, stopped: false }
  return { ...state, backfills: [...kept, fresh] }
}

export function underWay({ backfills }: DestinationState): Backfill[] {
  return backfills.filter(({ endedAt }) => endedAt === null)
}

export function filterFor(state: DestinationState, key: StreamKey, filter: LogFilter): LogFilter {
  const stream = streamOf(state, key)
  if (stream === undefined || !('fromUs' in stream)) return filter
  return { ...filter, fromUs: stream.fromUs, toUs: stream.toUs }
}

/** Identifies the bounds of an attempt within the destination. */
export function numberOf(key: StreamKey, { number }: Pending): string {
  return key === LIVE ? String(number) : `b${key}-${number}`
}

/** The state after an attempt: the cursor behind what was settled, and the counts, of a repetition each session once. */
export function counting(
  state: DestinationState,
  key: StreamKey,
  { number, to }: Pending,
  { outcome, delivered, deadLettered, rejected }: Delivered,
): DestinationState {
  const stream = streamOf(state, key)
  const pending = stream?.pending?.number === number ? stream.pending : null
  const before = pending?.counted ?? { delivered: 0, rejected: 0 }
  const counted = {
    delivered: Math.max(before.delivered, delivered),
    rejected: Math.max(before.rejected, rejected),
  }
  const settled = { cursor: to, pending: null, ...more(stream, delivered) }
  const change =
    outcome.kind === 'delivered' ? settled : { pending: pending && { ...pending, counted } }
  return {
    ...(pending === null ? state : changed(state, key, change)),
    delivered: state.delivered + counted.delivered - before.delivered,
    deadLettered: state.deadLettered + deadLettered,
    rejected: (state.rejected ?? 0) + counted.rejected - before.rejected,
  }
}

function more(stream: Stream | Backfill | undefined, delivered: number): Partial<Backfill> {
  return stream !== undefined && 'delivered' in stream
    ? { delivered: stream.delivered + delivered }
    : {}
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
    const { status, rejected, afterMs } = outcome
    const nextAttemptMs = afterMs === undefined ? 0 : nowMs + afterMs
    const lastFailure = rejected && { lastFailure: { at, status, text: rejected.text } }
    return { failures: 0, blocked: false, nextAttemptMs, lastSuccessAt: at, ...lastFailure }
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

/**
 * The state after a fault of this server. If the key file is missing, the destination is blocked until someone restores
 * it.
 */
export function troubled(
  state: DestinationState,
  error: unknown,
  nowMs: number,
): Partial<DestinationState> {
  const text = shown(messageOf(error))
  if (error instanceof AppError && error.code === 'SECRETS_LOST')
    return after(state, { kind: 'blocked', status: null, text }, nowMs)
  return { lastFailure: { at: new Date(nowMs).toISOString(), status: null, text } }
}
