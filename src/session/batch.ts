/**
 * The format in which a meter sends sessions: `POST /api/v1/org/{orgId}/site/{siteId}/sessions`,
 * one batch a request, JSON, gzip'd.
 *
 * (meterId, spoolId, batch) identifies a batch. Each data file of a spool has a random spoolId, so
 * that a replaced, restored or copied disk repeats no identity. Within a spoolId, numbers rise by
 * one. The server stores a batch, its number and the CRC-32 of its JSON text in one transaction. A
 * known number with the same text changes nothing. With another text it is refused (409), and the
 * meter sends the batch again under a new spoolId. A number that is skipped is a gap.
 */
import type { PeerEvent } from './peer-event.js'
import type { Session } from './session.js'

/** A batch is cut before either bound, so that it fits the server's limits. */
export const BATCH_SESSIONS_MAX = 5_000
/** The bound of the JSON text, before gzip. */
export const BATCH_BYTES_MAX = 8 * 1024 * 1024

/** The meter's state when it made the batch; counters are cumulative since `startedAt`. */
export interface MeterReport {
  readonly version: string
  readonly interface: string
  /** ISO 8601. Identifies the run. */
  readonly startedAt: string
  /** Time of the report. */
  readonly at: string
  readonly packets: number
  readonly bytes: number
  /**
   * Other traffic by reason. With the packets and bytes of sessions it adds up to `packets` and
   * `bytes`.
   */
  readonly other: Readonly<Record<string, { readonly packets: number; readonly bytes: number }>>
  readonly openSessions: number
  /** Packets that the kernel or the interface dropped before the meter could read them. */
  readonly packetsDropped: number
  /** Sessions lost in the meter, by reason (spoolFull, recordQueueFull, ...). */
  readonly sessionsDropped: Readonly<Record<string, number>>
  readonly spool: { readonly batches: number; readonly bytes: number; readonly quarantined: number }
  /**
   * Bytes that the interface counted and the meter did not, and similar differences; see
   * docs/wireguard.md.
   */
  readonly reconciliation?: Readonly<Record<string, number>>
  /**
   * This batch and those before it have all that was metered before this time, or count it as lost.
   * Later packets may still be in the flow table, and die with the meter. Absent: `at`.
   */
  readonly wholeUntil?: string
  /**
   * The moments of `startedAt` and `at` on a clock that nobody sets: milliseconds since the machine's
   * boot, so the meters of one machine can be compared.
   */
  readonly uptimeMs?: { readonly startedAt: number; readonly at: number }
  /** The first start with this spool. Earlier traffic was never metered. */
  readonly watchingSince?: string
  /** A hash of each interface. Two meters with the same hash count the same traffic. */
  readonly places?: readonly string[]
  /** Only in a replay of files, which ends by itself: its last report has `finished`. */
  readonly replay?: ReplayState
}

export const REPLAY_STATES = ['running', 'finished'] as const
export type ReplayState = (typeof REPLAY_STATES)[number]

/** A known loss: these numbers will never come, or these sessions were never in a batch. */
export interface BatchGap {
  readonly reason: string
  readonly sessions: number
  /** The spoolId of the numbers, if it differs from that of the batch. */
  readonly spoolId?: string
  /** Inclusive; absent if the loss was before a batch was made. */
  readonly fromBatch?: number
  readonly toBatch?: number
  /** ISO 8601. The lost sessions are in this time span. */
  readonly from: string
  readonly to: string
  /**
   * Only for `unmetered`: the interface, and the bytes that its counters and its peers' counters
   * advanced, if known.
   */
  readonly interface?: string
  readonly bytes?: number
  readonly peers?: readonly PeerBytes[]
  /** Only for `packetsDropped`. */
  readonly packets?: number
}

export interface PeerBytes {
  readonly publicKey: string
  readonly bytes: number
}

export interface Batch {
  readonly meterId: string
  /**
   * The id of the spool's data file. Absent for a replay, whose numbers depend on its content, and
   * for meters before 0.2.
   */
  readonly spoolId?: string
  /** The first number of this spoolId; 1 when absent. */
  readonly firstBatch?: number
  readonly batch: number
  /** Made again of an earlier batch (in parts, or under a new number), whose report it has. */
  readonly remade?: true
  readonly report: MeterReport
  readonly gaps: readonly BatchGap[]
  /** What happened to peers; a server of before 0.2 takes no notice of it, and its receipt has no `peerEvents`. */
  readonly peerEvents?: readonly PeerEvent[]
  readonly sessions: readonly Session[]
}

export interface RefusedSession {
  /** Index in `sessions` of the request. */
  readonly index: number
  readonly sessionId: string | null
  readonly reason: string
}

/** `data` of the 200 answer: the batch is durable. */
export interface BatchReceipt {
  readonly batch: number
  readonly stored: number
  readonly refused: readonly RefusedSession[]
  /** True for a known number: nothing changed. */
  readonly repeated: boolean
  /** Durable events of peers; absent if the batch had none. */
  readonly peerEvents?: number
  /** The reason why nothing is stored: the organisation's retention is 0. */
  readonly notice?: string
}
