/**
 * What a meter sends: `POST /api/v1/org/{orgId}/site/{siteId}/sessions`, one batch a request, JSON, gzip'd.
 *
 * A batch is known by (meterId, spoolId, batch). A spool's data file has a random spoolId of its own, so that a disk that
 * was replaced, restored or copied repeats no identity; within it numbers rise by one. The server stores a batch, its
 * number and the CRC-32 of its JSON text in one transaction. A number that it has seen with the same text changes
 * nothing; with another text it is refused (409), and the meter sends it again under a new spoolId. A number that it has
 * not seen in between is a gap.
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
  readonly spool: { readonly batches: number; readonly bytes: number; readonly quarantined: number }
  /** Bytes that the interface counted and the meter did not see, and the like; see docs/wireguard.md. */
  readonly reconciliation?: Readonly<Record<string, number>>
  /** The first start with this spool; what passed before was never metered. */
  readonly watchingSince?: string
  /** A hash for each interface: two meters with the same one count the same traffic. */
  readonly places?: readonly string[]
  /** Only of a replay of files, which ends by itself: its last report says `finished`. */
  readonly replay?: ReplayState
}

export const REPLAY_STATES = ['running', 'finished'] as const
export type ReplayState = (typeof REPLAY_STATES)[number]

/** A loss that the meter knows of: these numbers will never come, or these sessions were never in a batch. */
export interface BatchGap {
  readonly reason: string
  readonly sessions: number
  /** Of the numbers, when it is not that of the batch that carries this. */
  readonly spoolId?: string
  /** Inclusive; absent when the loss was before a batch was made. */
  readonly fromBatch?: number
  readonly toBatch?: number
  /** ISO 8601 span the lost sessions fall in. */
  readonly from: string
  readonly to: string
  /** Of `unmetered`: the interface, and how far its counters and its peers' moved meanwhile, where they say it. */
  readonly interface?: string
  readonly bytes?: number
  readonly peers?: readonly PeerBytes[]
  /** Of `packetsDropped`. */
  readonly packets?: number
}

export interface PeerBytes {
  readonly publicKey: string
  readonly bytes: number
}

export interface Batch {
  readonly meterId: string
  /** Of the spool's data file. Absent: a replay, whose numbers are of its content, or a meter of before 0.2. */
  readonly spoolId?: string
  /** The number with which this spoolId began; 1 when absent. */
  readonly firstBatch?: number
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
