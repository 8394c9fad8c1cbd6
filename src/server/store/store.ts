/**
 * The store: four contracts, each in its own file, and operations on all of them. Engines are beside them (duckdb/).
 */
import type { Catalogs } from './catalogs.js'
import type { Ledger } from './ledger.js'
import type { PeerLog } from './peer-log.js'
import type { SessionLog } from './session-log.js'

export * from './catalogs.js'
export * from './filter.js'
export * from './ledger.js'
export * from './peer-log.js'
export * from './session-log.js'
export * from './sums.js'

export interface Store extends SessionLog, Ledger, PeerLog, Catalogs {
  /** Deletes all data of an organisation; returns the number of sessions. */
  removeOrg(orgId: string): Promise<number>
  /** Writes a consistent copy into a directory without one, while reads and writes go on. */
  backup(directory: string): Promise<void>
  ping(): Promise<void>
  /** The time of the backup that the data were restored from before this start. Absent: the engine does not know. */
  readonly restoredFrom?: string | null
  /** Counts of this process; they cost no query. */
  stats(): StoreStats
  close(): Promise<void>
}

/** An engine leaves out what it does not have. */
export interface StoreStats {
  /** Ended sessions that a later report of their meter replaced. This and all others but sizes count since opening. */
  readonly revisedSessions: number
  /** Rejected records: they would have rewritten a session, or belong to another meter's run. */
  readonly conflictingSessions: number
  readonly fileBytes?: number
  readonly walBytes?: number
  readonly logBytes?: number
  /** Of the file system that has the database and the log. */
  readonly diskFreeBytes?: number
  /** Acknowledged batches that the database does not hold yet. */
  readonly waitingBatches?: number
  readonly waitingSessions?: number
  /** Answers that lack batches which were acknowledged before the request. */
  readonly lateReads?: number
  /** Damaged places in the log, whose entries cannot be read. */
  readonly damagedLogPlaces?: number
  /** Acknowledged batches that the database refused, or that could not be read from the log. */
  readonly refusedBatches?: number
  /** Times that the write-ahead log was written into the database file. */
  readonly checkpoints?: number
  readonly failedCheckpoints?: number
  /** Failed updates of the sums by the hour. Until the next update, answers are counted from rows. */
  readonly failedRollups?: number
  /** Running exports, and those of them that wait for another one's sorting. */
  readonly exports?: number
  readonly exportsWaiting?: number
}
