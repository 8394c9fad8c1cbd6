/**
 * The ledger: which batches came from which meter, what was lost, what the meters report, and so which of their runs may
 * still go on with an open session.
 */
import type { Batch, BatchReceipt, MeterReport, PeerBytes } from '../../session/batch.js'
import type { Cancel, StoredSession } from './session-log.js'

export interface WriteRequest {
  readonly orgId: string
  readonly siteId: number
  readonly batch: Pick<
    Batch,
    'meterId' | 'spoolId' | 'firstBatch' | 'batch' | 'report' | 'gaps'
  > & {
    /** CRC-32 of the batch's JSON text; without one, a known number is a repeat whatever is in it. */
    readonly crc?: number
  }
  /** Checked already; refused ones are not in it. */
  readonly sessions: readonly StoredSession[]
  /** Both as they came, for the log; absent when it may not be kept as it came. */
  readonly body?: {
    readonly bytes: Uint8Array
    readonly gzip: boolean
    /** Positions in its `sessions` that are not stored. */
    readonly refused: readonly number[]
  }
}

export interface WriteReceipt extends Pick<BatchReceipt, 'batch' | 'stored' | 'repeated'> {
  /** The identity is that of another batch: nothing was changed, and this one is not stored. */
  readonly conflict?: true
  /** Another spool uses the same meterId at the same time. */
  readonly twoLives?: true
}

export interface Gap {
  readonly siteId: number
  readonly meterId: string
  readonly reason: string
  /** Null: not known (batches that never came). */
  readonly sessions: number | null
  readonly fromBatch: number | null
  readonly toBatch: number | null
  readonly from: string
  readonly to: string
  /** Of `unmetered`. */
  readonly interface?: string
  readonly bytes?: number
  readonly peers?: readonly PeerBytes[]
  /** Of `packetsDropped`. */
  readonly packets?: number
}

/** Microseconds since 1970. */
export interface Span {
  readonly fromUs: number
  readonly toUs: number
}

/** When one meter metered, and what it lost. Replays of files are none: they watch nothing. */
export interface MeterCoverage {
  readonly siteId: number
  readonly meterId: string
  readonly interface: string
  /** From a run's start to its newest report that came, by the meter's clock. */
  readonly runs: readonly Span[]
  /** When the newest report came, by the server's clock. */
  readonly receivedUs: number
  /** Nothing waited in its spool behind that report. */
  readonly caughtUp: boolean
  readonly report: MeterReport
  /** An operator removed it then, and it has not reported since. */
  readonly removedUs?: number
}

/** A time in which two meters of a site read one interface. */
export interface SharedSpan extends Span {
  readonly siteId: number
  readonly meterId: string
  readonly otherMeter: string
}

export interface Coverage {
  readonly meters: readonly MeterCoverage[]
  /** Of each of the two. */
  readonly shared: readonly SharedSpan[]
  /** Of the range that was asked for. */
  readonly gaps: readonly Gap[]
  /** There are more gaps or shared spans than these. */
  readonly more: boolean
  /** Retention deleted sessions that ended before this; 0: none. */
  readonly deletedBeforeUs: number
}

/** What one spool of a meter has delivered. */
export interface MeterLife {
  /** '' of a replay, and of a meter that sends none. */
  readonly spoolId: string
  readonly lastBatch: number
  readonly receivedAt: string
  /** Of the latest run that used it, as its reports say: when it began, and when the newest was made. */
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
  /** The one that was heard last first. */
  readonly lives: readonly MeterLife[]
  readonly gaps: readonly Gap[]
  /** Oldest first, at most one a minute of the last day. */
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
   * Books a batch by its identity, and its sessions into the log, or neither. Resolves when both are durable; whoever
   * asks later sees them.
   */
  write(request: WriteRequest): Promise<WriteReceipt>
  /**
   * Newest first; of `siteIds`, or of all sites. At most GAPS_SHOWN: what lost batches or sessions stays, and of what is
   * left the newest of each meter.
   */
  gaps(
    orgId: string,
    fromUs: number,
    toUs: number,
    siteIds?: readonly number[],
  ): Promise<readonly Gap[]>
  meters(orgId: string, cancel?: Cancel): Promise<readonly MeterStatus[]>
  /** What completeness is judged from; of `siteIds`, or of all sites. At most COVERAGE_GAPS_MAX gaps. */
  coverage(
    orgId: string,
    range: Span,
    siteIds?: readonly number[],
    cancel?: Cancel,
  ): Promise<Coverage>
}
