/**
 * The ledger: the batches of each meter, known losses, and the meters' reports. These also tell which runs may still
 * report an open session.
 */
import type { Batch, BatchReceipt, MeterReport, PeerBytes } from '../../session/batch.js'
import type { StoredPeerEvent } from './peer-log.js'
import type { Cancel, StoredSession } from './session-log.js'

export interface WriteRequest {
  readonly orgId: string
  readonly siteId: number
  readonly batch: Pick<
    Batch,
    'meterId' | 'spoolId' | 'firstBatch' | 'batch' | 'remade' | 'report' | 'gaps'
  > & {
    /** CRC-32 of the batch's JSON text. Without it, any batch with a known number counts as a repeat. */
    readonly crc?: number
  }
  /** Checked sessions, without the refused ones. */
  readonly sessions: readonly StoredSession[]
  /** Checked peer events, without the refused ones. */
  readonly peerEvents?: readonly StoredPeerEvent[] | undefined
  /** The request's unchanged body, for the log. If absent, the log gets the parts above as JSON. */
  readonly body?: {
    readonly bytes: Uint8Array
    readonly gzip: boolean
    /** Positions in the body's `sessions` that were refused, and of peer events as ingest/peer-events.ts writes them. */
    readonly refused: readonly number[]
  }
}

export interface WriteReceipt extends Pick<BatchReceipt, 'batch' | 'stored' | 'repeated'> {
  /** Another batch has the same identity: nothing was changed, and this one is not stored. */
  readonly conflict?: true
  /** Another spool uses the same meterId at the same time (meters/lives.ts, inTurns). */
  readonly twoLives?: true
}

export interface Gap {
  readonly siteId: number
  readonly meterId: string
  readonly reason: string
  /** Null: unknown, as for missing batches. */
  readonly sessions: number | null
  readonly fromBatch: number | null
  readonly toBatch: number | null
  readonly from: string
  readonly to: string
  /** This and the next two belong to the reason `unmetered`. */
  readonly interface?: string
  readonly bytes?: number
  readonly peers?: readonly PeerBytes[]
  /** Belongs to the reason `packetsDropped`. */
  readonly packets?: number
}

/** Microseconds since 1970. */
export interface Span {
  readonly fromUs: number
  readonly toUs: number
}

/** From a run's start to the time until which all its sessions have arrived, by the meter's clock. */
export interface RunSpan extends Span {
  /** It metered until then: the time of its newest report, but not beyond its arrival. */
  readonly claimedUs: number
  /** The start of the next run by the meter's clock. Null: there is none. */
  readonly nextUs: number | null
}

/** The times in which a meter metered. Replays of files are left out, because they watch no interface. */
export interface MeterCoverage {
  readonly siteId: number
  readonly meterId: string
  readonly interface: string
  readonly runs: readonly RunSpan[]
  /** It started so often that its oldest runs are not kept. */
  readonly forgotRuns: boolean
  /** When the newest report arrived, by the server's clock. */
  readonly receivedUs: number
  /** No batch waited in the spool behind that report. */
  readonly caughtUp: boolean
  readonly report: MeterReport
  /** When an operator removed the meter, if it has not reported since. */
  readonly removedUs?: number
}

/** A time in which two meters of a site read the same interface. */
export interface SharedSpan extends Span {
  readonly siteId: number
  readonly meterId: string
  readonly otherMeter: string
}

export interface Coverage {
  readonly meters: readonly MeterCoverage[]
  /** One for each of the two meters. */
  readonly shared: readonly SharedSpan[]
  /** Gaps of the requested range, also of senders that are no meter (access logs), but not of replays. */
  readonly gaps: readonly Gap[]
  /** There are more gaps or shared spans than listed. */
  readonly more: boolean
  /** Retention deleted sessions that ended before this; 0: none. */
  readonly deletedBeforeUs: number
}

/** One spool of a meter, and its deliveries. */
export interface MeterLife {
  /** '' for a replay, and for meters that send no spoolId. */
  readonly spoolId: string
  readonly lastBatch: number
  readonly receivedAt: string
  /** When the newest report arrived that followed a report of another spool. Null: no report did. */
  readonly returnedAt: string | null
  /** Start and newest report of the latest run that used the spool, by the meter's clock. A replay has its start twice. */
  readonly runStartedAt: string
  readonly reportedAt: string
}

export interface MeterStatus {
  readonly siteId: number
  readonly siteName: string | null
  readonly meterId: string
  readonly lastBatch: number
  readonly receivedAt: string
  readonly report: MeterReport
  readonly openSessions: number
  /** The latest first. */
  readonly lives: readonly MeterLife[]
  readonly gaps: readonly Gap[]
  /** The last 24 hours, at most one point a minute; the oldest first. */
  readonly history: readonly MeterHistoryPoint[]
}

export interface MeterHistoryPoint {
  readonly at: string
  readonly lagSeconds: number
  readonly spoolBatches: number
  readonly openSessions: number
  readonly packetsDropped: number
  readonly sessionsDropped: number
}

export interface Ledger {
  /**
   * Stores a batch's identity, its sessions and its peer events, or nothing. Resolves when all are durable; later reads see
   * them.
   */
  write(request: WriteRequest): Promise<WriteReceipt>
  /**
   * Gaps of `siteIds`, or of all sites; the newest first. At most 1,000, and 100 of each meter: those that lost batches
   * or sessions are preferred, then the newest.
   */
  gaps(
    orgId: string,
    fromUs: number,
    toUs: number,
    siteIds?: readonly number[],
  ): Promise<readonly Gap[]>
  meters(orgId: string, cancel?: Cancel): Promise<readonly MeterStatus[]>
  /** The basis of completeness, for `siteIds` or all sites. At most 10,000 gaps (COVERAGE_GAPS_MAX). */
  coverage(
    orgId: string,
    range: Span,
    siteIds?: readonly number[],
    cancel?: Cancel,
  ): Promise<Coverage>
}
