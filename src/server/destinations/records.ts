/**
 * What is known of destinations, in the control file:
 *
 *   destination       [orgId, id] -> settings, with sealed secrets
 *   destinationState  id -> how far it is, what is pending, what came of attempts
 *   deadLetter        [id, "site/session"] -> why the receiver refused that session; the session itself is in the store
 *
 * A write is durable when its promise resolves; those that begin in one turn are one transaction.
 */
import type { Database } from 'lmdb'
import type { Control } from '../control/control.js'
import type { ArrivalPlace } from '../store/store.js'
import type { AttemptClass } from './outcome.js'
import type { PseudonymSettings } from './pseudonyms.js'

/** Of one organisation, and of the server: what one costs is bounded, and so is what all cost. */
export const DESTINATIONS_OF_ORG_MAX = 10
export const DESTINATIONS_MAX = 1000
/** Of one destination; when there are as many, it waits for somebody to look at them. */
export const DEAD_LETTERS_MAX = 200

/** Of one destination: each attempt writes them. */
export const BACKFILLS_MAX = 50

export interface DestinationRecord {
  readonly id: string
  readonly orgId: string
  readonly name: string
  readonly kind: string
  /** As its kind's schema took them. */
  readonly settings: Readonly<Record<string, unknown>>
  readonly secrets: Readonly<Record<string, SealedSecret>>
  /** In the words of the log's search; '' for all sessions. */
  readonly query: string
  /** Null: all fields. */
  readonly columns: readonly string[] | null
  /** Of one attempt. */
  readonly eventsMax: number
  readonly bytesMax: number
  /** So long a batch waits to be full. */
  readonly fillSeconds: number
  /** Null, and in records of earlier versions undefined: none. */
  readonly pseudonyms?: PseudonymSettings | null
  /** So often those that are open are reported; 0, and in records of earlier versions undefined: never. */
  readonly openSeconds?: number
  readonly paused: boolean
  readonly createdAt: string
}

export interface SealedSecret {
  readonly sealed: string
  readonly lastFour: string | null
}

/** What one attempt covers, durable before it is made: the same again after a crash, under the same number. */
export interface Pending {
  readonly number: number
  readonly to: ArrivalPlace
  readonly sessions: number
  readonly sinceMs: number
}

export interface Stream {
  /** All up to here is delivered, is a dead letter, or is not asked for. */
  readonly cursor: ArrivalPlace
  readonly pending: Pending | null
  /** Of the last attempt's bounds. */
  readonly number: number
}

export interface Backfill extends Stream {
  /** Rises, and is never given again. */
  readonly id: number
  /** Sessions that started in here. */
  readonly fromUs: number
  readonly toUs: number
  /** What has arrived since is the live stream's. */
  readonly upTo: ArrivalPlace
  readonly startedAt: string
  readonly endedAt: string | null
  /** An operator stopped it before its end. */
  readonly stopped: boolean
  readonly delivered: number
  /** Sessions that retention deleted before this had sent them. */
  readonly deletedUndelivered: number
}

export type AttemptCounts = Partial<Record<AttemptClass, number>>

export interface DestinationState {
  readonly live: Stream
  /** Those under way, and the last ones that ended; at most BACKFILLS_MAX. */
  readonly backfills: readonly Backfill[]
  readonly delivered: number
  readonly deadLettered: number
  /** Of sessions that were open then. Later: absent in older states. */
  readonly openReports?: number
  /** Taken with others, and not accepted: the receiver gives their number only. Later: absent in older states. */
  readonly rejected?: number
  /** Sessions that retention deleted before they were delivered. */
  readonly deletedUndelivered: number
  readonly lastSuccessAt: string | null
  readonly lastFailure: {
    readonly at: string
    readonly status: number | null
    readonly text: string
  } | null
  /** Since the last success. */
  readonly failures: number
  /** Events that were refused one by one, since one was taken. */
  readonly refusedInRow: number
  readonly blocked: boolean
  /** Not before this. */
  readonly nextAttemptMs: number
  /** Start of the hour, or of the day, as ISO time -> attempts. */
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

  constructor(control: Pick<Control, 'table'>) {
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

  async putDeadLetter(id: string, letter: DeadLetter): Promise<void> {
    await this.#deadLetters.put([id, `${letter.siteId}/${letter.sessionId}`], letter)
  }

  async removeDeadLetter(id: string, { siteId, sessionId }: DeadLetter): Promise<void> {
    await this.#deadLetters.remove([id, `${siteId}/${sessionId}`])
  }

  /** The number of a commit that no later one may have: a destination has passed it. */
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

/** Of a time when there was one backfill at most, which is not gone on with. */
function upgraded(state: DestinationState | undefined): DestinationState | undefined {
  return state && { ...state, backfills: (state.backfills as Backfill[] | undefined) ?? [] }
}

function lettersOf(id: string): { start: [string, string]; end: [string, string] } {
  return { start: [id, ''], end: [id, '~'] }
}
