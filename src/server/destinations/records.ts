/**
 * The records of destinations in the control file:
 *
 *   destination       [orgId, id] -> settings, with sealed secrets
 *   destinationState  id -> cursors, pending attempts, counts and the last outcome
 *   deadLetter        [id, "site/session"] -> why the receiver refused that session; the session itself is in the store
 *
 * A write is durable when its promise resolves. Writes that begin in one turn of the event loop are one transaction.
 */
import type { Database } from 'lmdb'
import type { LmdbControl } from '../control/lmdb/lmdb-control.js'
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

export class DestinationRecords {
  readonly #destinations: Database<DestinationRecord, [orgId: string, id: string]>
  readonly #states: Database<DestinationState, string>
  readonly #deadLetters: Database<DeadLetter, [id: string, session: string]>

  constructor(control: Pick<LmdbControl, 'table'>) {
    this.#destinations = control.table('destination')
    this.#states = control.table('destinationState')
    this.#deadLetters = control.table('deadLetter')
  }

  all(): DestinationRecord[] {
    return [...this.#destinations.getRange().map(({ value }) => value)]
  }

  of(orgId: string): DestinationRecord[] {
    const own = this.#destinations.getRange({ start: [orgId, ''], end: [orgId, '~'] })
    return [...own.map(({ value }) => value)]
  }

  async put(record: DestinationRecord): Promise<void> {
    await this.#destinations.put([record.orgId, record.id], record)
  }

  async remove({ orgId, id }: DestinationRecord): Promise<void> {
    const keys = [...this.#deadLetters.getKeys(lettersOf(id))]
    await Promise.all([
      ...keys.map((key) => this.#deadLetters.remove(key)),
      this.#states.remove(id),
      this.#destinations.remove([orgId, id]),
    ])
  }

  state(id: string): DestinationState | undefined {
    return upgraded(this.#states.get(id))
  }

  async putState(id: string, state: DestinationState): Promise<void> {
    await this.#states.put(id, state)
  }

  deadLetters(id: string): DeadLetter[] {
    return [...this.#deadLetters.getRange(lettersOf(id)).map(({ value }) => value)]
  }

  countDeadLetters(id: string): number {
    return this.#deadLetters.getKeysCount(lettersOf(id))
  }

  hasDeadLetter(
    id: string,
    { siteId, sessionId }: Pick<DeadLetter, 'siteId' | 'sessionId'>,
  ): boolean {
    return this.#deadLetters.doesExist([id, `${siteId}/${sessionId}`])
  }

  async putDeadLetter(id: string, letter: DeadLetter): Promise<void> {
    await this.#deadLetters.put([id, `${letter.siteId}/${letter.sessionId}`], letter)
  }

  async removeDeadLetter(id: string, { siteId, sessionId }: DeadLetter): Promise<void> {
    await this.#deadLetters.remove([id, `${siteId}/${sessionId}`])
  }

  /** The highest commit number that a destination has passed. New commits must have higher numbers. */
  furthestArrival(): number {
    const states = [...this.#states.getRange().map(({ value }) => upgraded(value)!)]
    const passed = states.flatMap(({ live, backfills }) => [
      live.cursor.arrival,
      live.pending?.to.arrival ?? -1,
      ...backfills.map(({ upTo }) => upTo.arrival),
    ])
    return passed.reduce((most, one) => Math.max(most, one), -1)
  }
}

/** Older states have at most one backfill, in another field. It is not continued. */
function upgraded(state: DestinationState | undefined): DestinationState | undefined {
  return state && { ...state, backfills: (state.backfills as Backfill[] | undefined) ?? [] }
}

function lettersOf(id: string): { start: [string, string]; end: [string, string] } {
  return { start: [id, ''], end: [id, '~'] }
}
