/**
 * What a meter sends: `POST /api/v1/org/{orgId}/site/{siteId}/sessions`, one batch a request, JSON, gzip'd.
 *
 * Numbers rise by one and never repeat for a meterId, over restarts too. The server stores a batch and its number
 * in one transaction; a number it has already seen changes nothing; a number it has not seen in between is a gap.
 */
import type { Session } from './session.js'

/** A batch is cut before either bound, so that no server limit has to be found by trial. */
export const BATCH_SESSIONS_MAX = 5_000
/** Of the JSON text, before gzip. */
export const BATCH_BYTES_MAX = 8 * 1024 * 1024

/** The meter's state when it made the batch; counters are cumulative since `startedAt`. */
export interface MeterReport {
  readonly version: string
  readonly interface: string
  /** ISO 8601; identifies the run. */
  readonly startedAt: string
  /** When the report was made. */
  readonly at: string
  readonly packets: number
  readonly bytes: number
  /** Counted TCP/UDP packets and bytes, and other traffic by reason: they add up to `packets`, `bytes`. */
  readonly other: Readonly<Record<string, { readonly packets: number; readonly bytes: number }>>
  readonly openSessions: number
  /** Packets that the kernel or the interface dropped before they could be read. */
  readonly packetsDropped: number
  /** Sessions lost in the meter, by reason (spoolFull, recordQueueFull, ...). */
  readonly sessionsDropped: Readonly<Record<string, number>>
  readonly spool: { readonly batches: number; readonly bytes: number; readonly setAside: number }
  /** Bytes that the interface counted and the meter did not see, and the like; see docs/wireguard.md. */
  readonly reconciliation?: Readonly<Record<string, number>>
  /** Only of a replay of files, which ends by itself: its last report says `finished`. */
  readonly replay?: ReplayState
}

export const REPLAY_STATES = ['running', 'finished'] as const
export type ReplayState = (typeof REPLAY_STATES)[number]

/** A loss that the meter knows of: these numbers will never come, or these sessions were never in a batch. */
export interface BatchGap {
  readonly reason: string
  readonly sessions: number
  /** Inclusive; absent when the loss was before a batch was made. */
  readonly fromBatch?: number
  readonly toBatch?: number
  /** ISO 8601 span the lost sessions fall in. */
  readonly from: string
  readonly to: string
}

export interface Batch {
  readonly meterId: string
  readonly batch: number
  readonly report: MeterReport
  readonly gaps: readonly BatchGap[]
  readonly sessions: readonly Session[]
}

export interface RefusedSession {
  /** In `sessions` of the request. */
  readonly index: number
  readonly sessionId: string | null
  readonly reason: string
}

/** `data` of the 200 answer: the batch is durable. */
export interface BatchReceipt {
  readonly batch: number
  readonly stored: number
  readonly refused: readonly RefusedSession[]
  /** The number was known: nothing was changed. */
  readonly repeated: boolean
  /** Why nothing is stored: the organisation's retention is 0. */
  readonly notice?: string
}
