/**
 * What the sessions in ClickHouse need from the database that has transactions: names, runs, and what deletions leave.
 * ClickHouse has none, so whatever must happen together with something else is here.
 */
import type { Subject } from '../filter.js'
import type { UsageRequest } from '../sums.js'

/** The last names of an organisation's entries, also of removed ones, as long as sessions may need them. */
export interface OrgNames {
  readonly clients: ReadonlyMap<number, string>
  readonly users: ReadonlyMap<string, { readonly name: string; readonly email: string | null }>
  readonly resources: ReadonlyMap<number, string>
  readonly sites: ReadonlyMap<number, string>
}

/** A run that may still report its open sessions: the one of a spool's newest batch, by the order of batch numbers. */
export interface GoingRun {
  readonly orgId: string
  readonly siteId: number
  readonly meterId: string
  /** From the run's reports; identifies it. */
  readonly runStartedUs: number
  /** When its newest batch came, by the server's clock. */
  readonly receivedUs: number
}

/** Sessions that are not in the log any more, or never were; gaps() has them. */
export interface Loss {
  readonly orgId: string
  readonly siteId: number
  readonly meterId: string
  readonly reason: 'sessionConflict' | 'erased' | 'deletedByOperator'
  readonly fromUs: number
  readonly toUs: number
  readonly sessions: number
}

/** Sums of deleted sessions, which usage() has for ever. A sum may exceed 2^63. */
export interface DeletedSums {
  readonly sessions: bigint
  readonly connections: bigint
  readonly bytesTx: bigint
  readonly bytesRx: bigint
  readonly packetsTx: bigint
  readonly packetsRx: bigint
}

export interface DeletedTotals extends DeletedSums {
  /** `2026-11`, UTC. */
  readonly month: string
  readonly siteId: number
  readonly clientId: number | null
  readonly userId: string | null
  readonly siteResourceId: number | null
}

/** Totals of one session without a reported end: they are part of the deletion's, and its meter may report it again. */
export interface ExpiredOpen extends DeletedTotals {
  /** The first 18 characters of the session's id, and the number that the others are. */
  readonly run: string
  readonly seq: number
}

/**
 * A slice of a deletion. Its keys are in ClickHouse under its id before it begins. From begin to end, readers leave them
 * out; between these, ClickHouse deletes them. So totals and rows change in one moment, whatever is killed.
 */
export interface Deletion {
  /** Unique. */
  readonly id: string
  readonly orgId: string
  readonly totals: readonly DeletedTotals[]
  readonly losses: readonly Loss[]
  /** Retention: sessions whose totals are taken back when they come again. */
  readonly open: readonly ExpiredOpen[]
  /** Retention: the organisation has no session any more that ended before this. */
  readonly expiredBeforeUs?: number
}

/** Totals of one month and one value; the value as text. */
export interface KeptUsage extends DeletedSums {
  readonly month: string
  readonly id: string | null
}

export interface SessionMeta {
  /**
   * Runs work while no server writes sessions of the organisation. It waits until the batches of earlier writes are
   * booked, and later writes wait until it ends. Do not call it within itself.
   */
  alone<T>(orgId: string, work: () => Promise<T>): Promise<T>

  /** The same object as before as long as nothing changed, so that a caller may derive from it. */
  names(orgId: string): Promise<OrgNames>

  /** Of one organisation, or of all. */
  goingRuns(orgId?: string): Promise<readonly GoingRun[]>

  /**
   * The owner of each run (first 18 characters of session ids): the meter that reported it first. A run without an owner
   * becomes this meter's, durably.
   */
  claimRuns(
    orgId: string,
    siteId: number,
    meterId: string,
    runs: readonly string[],
  ): Promise<ReadonlyMap<string, string>>

  /**
   * Runs work that commits sessions of these organisations, with the number of the commit: larger than all before, also
   * before restarts and on other servers. Readers in order of arrival wait for the end of the work; after a failure, or
   * the loss of the server, until ClickHouse cannot write the rows any more.
   */
  arriving<T>(orgIds: readonly string[], work: (arrival: number) => Promise<T>): Promise<T>

  addLosses(losses: readonly Loss[]): Promise<void>

  /** Adds totals and losses and remembers the deletion as begun, in one transaction. */
  beginDeletion(deletion: Deletion): Promise<void>
  /** The rows are gone. Unknown ids are no error. */
  endDeletion(id: string): Promise<void>
  /** Deletions that have begun and not ended. */
  deletions(): Promise<readonly Pick<Deletion, 'id' | 'orgId'>[]>

  /** Sessions that ended before this are hidden: retention deletes them within a day. 0: none. */
  hiddenBefore(orgId: string): Promise<number>

  /** Totals of deleted sessions in these months, by the requested value. */
  keptUsage(orgId: string, request: UsageRequest): Promise<readonly KeptUsage[]>
  /** Removes the person's ids from totals, and former names (not today's) from the catalog. */
  forget(orgId: string, subject: Subject): Promise<void>
  /** Deletes totals of months before this one. */
  expireUsage(beforeMonth: string): Promise<void>
}
