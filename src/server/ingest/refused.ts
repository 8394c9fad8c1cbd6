/**
 * Sessions that the server does not store, as losses. Their sender keeps them, and sends them again only on request.
 *
 *   sessionsRefused      a wrong value, or more than a day in the future
 *   olderThanRetention   retention would delete them at once
 */
import { usToIso } from '../../base/instant.js'
import type { BatchGap, MeterReport } from '../../session/batch.js'
import type { Span } from '../store/store.js'

/** Dated when the meter made the batch. The store extends it to the start of the loss. */
export function refusedGap({ at }: Pick<MeterReport, 'at'>, sessions: number): BatchGap[] {
  return sessions === 0 ? [] : [{ reason: 'sessionsRefused', sessions, from: at, to: at }]
}

/** @param sessions valid sessions that ended before the retention began */
export function tooOldGap(sessions: readonly Times[]): BatchGap[] {
  if (sessions.length === 0) return []
  const { fromUs, toUs } = spanOf(sessions)
  const [from, to] = [usToIso(fromUs), usToIso(toUs)]
  return [{ reason: 'olderThanRetention', sessions: sessions.length, from, to }]
}

interface Times {
  readonly startTimeUs: number
  readonly endTimeUs: number
}

/** From the first start to the last end of at least one session. */
export function spanOf(sessions: readonly Times[]): Span {
  return {
    fromUs: sessions.reduce((us, s) => Math.min(us, s.startTimeUs), Number.POSITIVE_INFINITY),
    toUs: sessions.reduce((us, s) => Math.max(us, s.endTimeUs), Number.NEGATIVE_INFINITY),
  }
}
