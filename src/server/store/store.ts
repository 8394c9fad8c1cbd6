/**
 * A store keeps three contracts, each in a file of its own; engines live beside them (duckdb/), and open.ts alone knows
 * which there are. What is here concerns all three.
 */
import type { Catalogs } from './catalogs.js'
import type { Ledger } from './ledger.js'
import type { SessionLog } from './session-log.js'

export * from './catalogs.js'
export * from './filter.js'
export * from './ledger.js'
export * from './session-log.js'
export * from './sums.js'

export interface Store extends SessionLog, Ledger, Catalogs {
  /** Deletes all that there is of an organisation; returns how many sessions. */
  removeOrg(orgId: string): Promise<number>
  /** A consistent copy of it, made while everything runs, in a directory that holds none. */
  backup(directory: string): Promise<void>
  ping(): Promise<void>
  /** Of what this process counts: nothing is asked for it. */
  stats(): StoreStats
  close(): Promise<void>
}

export interface StoreStats {
  readonly fileBytes: number
  readonly walBytes: number
  readonly logBytes: number
  /** Acknowledged batches that the database does not hold yet. */
  readonly waitingBatches: number
  readonly waitingSessions: number
  /** Answers that could not wait any longer for what was acknowledged before they were asked for. */
  readonly lateReads: number
  /** These seven since the store was opened. Places in the log where entries were that cannot be read any more. */
  readonly damagedLogPlaces: number
  /** Acknowledged batches that the database refused, or that could not be read from the log. */
  readonly refusedBatches: number
  /** Ended sessions that a later report of their meter replaced. */
  readonly revisedSessions: number
  /** Records that would have rewritten a session, or said something of another meter's run: they were not taken. */
  readonly conflictingSessions: number
  /** Of the write-ahead log into the file. */
  readonly checkpoints: number
  readonly failedCheckpoints: number
  /** Sums by the hour that could not be made; answers are then counted from the rows. */
  readonly failedRollups: number
  /** Exports that run, and how many of them wait for another one. */
  readonly exports: number
  readonly exportsWaiting: number
}
