/** `--format summary`: one JSON object about a whole replay. */

import type { Traffic } from '../capture/counters.js'
import type { FlowMeterCounters } from '../capture/flow-meter.js'

export interface DeliverySummary {
  readonly stored: number
  readonly repeated: number
  readonly refused: number
}

export interface ReplaySummary {
  readonly packets: number
  readonly bytes: number
  readonly sessions: number
  /** Packets and bytes in sessions; with `other` they add up to `packets` and `bytes`. */
  readonly sessionPackets: number
  readonly sessionBytes: number
  readonly other: Readonly<Record<string, Traffic>>
  readonly ended: Readonly<Record<string, number>>
  readonly elapsedSeconds: number
  readonly packetsPerSecond: number
  readonly delivered?: DeliverySummary
}

export function summaryOf(
  counters: FlowMeterCounters,
  elapsedSeconds: number,
  delivered: DeliverySummary | null,
): ReplaySummary {
  const { packets, bytes, sessions, sessionsOpened, other, sessionsEnded } = counters
  return {
    packets,
    bytes,
    sessions: sessionsOpened,
    sessionPackets: sessions.packets,
    sessionBytes: sessions.bytes,
    // Reasons that did not occur are left out.
    other: Object.fromEntries(Object.entries(other).filter(([, t]) => t.packets > 0)),
    ended: Object.fromEntries(Object.entries(sessionsEnded).filter(([, n]) => n > 0)),
    elapsedSeconds: Math.round(elapsedSeconds * 1e3) / 1e3,
    packetsPerSecond: Math.round(packets / elapsedSeconds),
    ...(delivered !== null && {
      delivered: {
        stored: delivered.stored,
        repeated: delivered.repeated,
        refused: delivered.refused,
      },
    }),
  }
}
