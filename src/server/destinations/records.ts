/**
 * Destinations as they are stored: settings, progress and dead letters. lmdb-records.ts keeps them for a server of its own,
 * postgres-records.ts for several servers. One server at a time delivers to a destination.
 *
 * A change is durable when its promise resolves.
 */
import { AppError } from '../../base/errors.js'
import type { ArrivalPlace } from '../store/store.js'
import type { AttemptClass } from './outcome.js'
import type { PseudonymSettings } from './pseudonyms.js'
import type { Records } from './rows.js'

/** The cost of one destination is bounded, so a limit per organisation and per server bounds the cost of all. */
export const DESTINATIONS_OF_ORG_MAX = 10
export const DESTINATIONS_MAX = 1000
/** Per destination. When the list is full, the destination is blocked until someone clears it. */
export const DEAD_LETTERS_MAX = 200

/** Per destination. The limit is low because each attempt writes all backfills. */
export const BACKFILLS_MAX = 50

export interface DestinationRecord {
  readonly id: string
  readonly orgId: string
  readonly name: string
  readonly kind: string
  /** Checked by the schema of the kind. */
  readonly settings: Readonly<Record<string, unknown>>
  readonly secrets: Readonly<Record<string, SealedSecret>>
  /** Undefined in records of earlier versions: sessions. */
  readonly records?: Records
  /** In the syntax of the log's search; '' for all sessions. */
  readonly query: string
  /** Null: all fields. */
  readonly columns: readonly string[] | null
  /** The limits of one attempt. */
  readonly eventsMax: number
  readonly bytesMax: number
  /** A batch waits this long to fill. */
  readonly fillSeconds: number
  /** Null: none. Undefined in records of earlier versions: none. */
  readonly pseudonyms?: PseudonymSettings | null
  /** Open sessions are reported this often. 0: never. Undefined in records of earlier versions: never. */
  readonly openSeconds?: number
  readonly paused: boolean
  readonly createdAt: string
}

export interface SealedSecret {
  readonly sealed: string
  readonly lastFour: string | null
}

/**
 * The bounds of one attempt. They are durable before it begins, so that it repeats with the same number after a crash.
 */
export interface Pending {
  readonly number: number
  readonly to: ArrivalPlace
  readonly sessions: number
  readonly sinceMs: number
  /** What failed attempts with these bounds had delivered. A repetition counts only what is beyond it. */
  readonly counted?: Counted
}

export interface Counted {
  readonly delivered: number
  readonly rejected: number
}

export interface Stream {
  /** Every session up to here was delivered, is a dead letter, was rejected, or does not match the query. */
  readonly cursor: ArrivalPlace
  readonly pending: Pending | null
  /** The number of the last planned attempt. */
  readonly number: number
}

export interface Backfill extends Stream {
  /** Rises, and is never reused. */
  readonly id: number
  /** The range of session starts. */
  readonly fromUs: number
  readonly toUs: number
  /** The end of the log when the backfill began. The live stream sends later sessions. */
  readonly upTo: ArrivalPlace
  readonly startedAt: string
  readonly endedAt: string | null
  /** True if a user stopped it before its end. */
  readonly stopped: boolean
  readonly delivered: number
  /** Sessions that retention deleted before this backfill sent them. */
  readonly deletedUndelivered: number
}

export type AttemptCounts = Partial<Record<AttemptClass, number>>

export interface DestinationState {
  readonly live: Stream
  /** Backfills under way, and the latest that ended; at most BACKFILLS_MAX. */
  readonly backfills: readonly Backfill[]
  readonly delivered: number
  readonly deadLettered: number
  /** Delivered reports of open sessions. Absent in older states. */
  readonly openReports?: number
  /** Events that the receiver rejected within an accepted batch, and refused open reports. Absent in older states. */
  readonly rejected?: number
  /** Sessions that retention deleted before they were delivered. */
  readonly deletedUndelivered: number
  readonly lastSuccessAt: string | null
  readonly lastFailure: {
    readonly at: string
    readonly status: number | null
    readonly text: string
  } | null
  /** Failed attempts since the last success. */
  readonly failures: number
  /** Refused events in a row since the last accepted one. */
  readonly refusedInRow: number
  readonly blocked: boolean
  /** The next attempt starts at this time or later. */
  readonly nextAttemptMs: number
  /** The start of the hour (`days`: of the day) as ISO time -> attempts. */
  readonly hours: Readonly<Record<string, AttemptCounts>>
  readonly days: Readonly<Record<string, AttemptCounts>>
}

export interface DeadLetter {
  readonly siteId: number
  readonly sessionId: string
  readonly at: string
  readonly status: number | null
  readonly text: string
}

/** A state, and the number of its last change. */
export interface SavedState {
  readonly state: DestinationState
  readonly version: number
}

export interface Entry {
  readonly record: DestinationRecord
  /** The number of the last change of the record. */
  readonly recordVersion: number
  /** That of the last change of record or state. */
  readonly version: number
  /** Counts deletions of sessions that rows in memory may hold. */
  readonly erasures: number
  /** True if this server delivers to it; else another one does, or will. */
  readonly isMine: boolean
}

export interface Entries {
  readonly entries: readonly Entry[]
  /** For so long this server delivers to those that are its own, unless load() says so again. */
  readonly forMs: number
}

/** How many destinations there are. */
export interface Counts {
  readonly ofOrg: number
  readonly all: number
}

export interface DestinationRecords {
  /** How often load() is to be called. Null: only this server changes something. */
  readonly everyMs: number | null
  /**
   * All destinations. Those that no server delivers to become this server's.
   * @param mayTake false: this server cannot read the secrets, so it gives up what it has, and takes none
   */
  load(mayTake: boolean): Promise<Entries>
  /** Adds a destination, of this server. @param check throws if there are too many */
  create(
    record: DestinationRecord,
    state: DestinationState,
    check: (counts: Counts) => void,
  ): Promise<Entry>
  /** @throws AppError DESTINATION_CHANGED, if anything but `entry` is stored */
  replace(
    entry: Entry,
    record: DestinationRecord,
    work: (state: DestinationState) => DestinationState,
  ): Promise<Entry>
  remove(record: DestinationRecord): Promise<void>
  /** @throws AppError DESTINATION_CHANGED, if the record was changed or removed, or another server has taken it */
  state(entry: Pick<Entry, 'record' | 'recordVersion' | 'isMine'>): Promise<SavedState>
  /** @returns the new version. Null: nothing was saved, because the state is not of `version` any more */
  putState(id: string, state: DestinationState, version: number): Promise<number | null>
  /** Call it after sessions were deleted. Resolves when the servers that deliver to destinations of the organisation know. */
  erased(orgId: string): Promise<void>
  /** This server delivers to none any more. */
  release(): Promise<void>
  deadLetters(id: string): Promise<DeadLetter[]>
  countDeadLetters(id: string): Promise<number>
  hasDeadLetter(id: string, letter: Pick<DeadLetter, 'siteId' | 'sessionId'>): Promise<boolean>
  putDeadLetter(id: string, letter: DeadLetter): Promise<void>
  removeDeadLetter(id: string, letter: Pick<DeadLetter, 'siteId' | 'sessionId'>): Promise<void>
}

export function changedMeanwhile(): AppError {
  return new AppError(
    'DESTINATION_CHANGED',
    'the destination was changed or removed meanwhile; ask again',
  )
}
