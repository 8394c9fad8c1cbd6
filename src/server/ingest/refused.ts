/** Sessions of a batch that are refused one by one are a loss of their meter: it keeps them, and sends them again only when told. */
import type { BatchGap, MeterReport } from '../../session/batch.js'

/** As of the moment at which the meter made the batch; the store knows since when. */
export function refusedGap({ at }: Pick<MeterReport, 'at'>, sessions: number): BatchGap[] {
  return sessions === 0 ? [] : [{ reason: 'sessionsRefused', sessions, from: at, to: at }]
}
