/** Refused sessions count as a loss of the meter. It keeps them, and sends them again only on request. */
import type { BatchGap, MeterReport } from '../../session/batch.js'

/** Dated when the meter made the batch. The store extends it to the start of the loss. */
export function refusedGap({ at }: Pick<MeterReport, 'at'>, sessions: number): BatchGap[] {
  return sessions === 0 ? [] : [{ reason: 'sessionsRefused', sessions, from: at, to: at }]
}
