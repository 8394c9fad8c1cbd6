/**
 * The records of destinations in the control file:
 *
 *   destination       [orgId, id] -> settings, with sealed secrets
 *   destinationState  id -> cursors, pending attempts, counts and the last outcome
 *   deadLetter        [id, "site/session"] -> why the receiver refused that session; the session itself is in the store
 *
 * Writes that begin in one turn of the event loop are one transaction. Only this server changes them, so versions are not
 * stored: they tell the objects of one process apart.
 */
import type { Database } from 'lmdb'
import type { LmdbControl } from '../control/lmdb/lmdb-control.js'
import {
  type Backfill,
  type Counts,
  changedMeanwhile,
  type DeadLetter,
  type DestinationRecord,
  type DestinationRecords,
  type DestinationState,
  type Entries,
  type Entry,
  type SavedState,
} from './records.js'

const VERSION = 0

export class LmdbRecords implements DestinationRecords {
  readonly everyMs = null
  readonly #destinations: Database<DestinationRecord, [orgId: string, id: string]>
  readonly #states: Database<DestinationState, string>
  readonly #deadLetters: Database<DeadLetter, [id: string, session: string]>
  readonly #hasOrg: (orgId: string) => boolean
  #recordVersion = 0

  constructor(control: Pick<LmdbControl, 'table' | 'org'>) {
    this.#destinations = control.table('destination')
    this.#states = control.table('destinationState')
    this.#deadLetters = control.table('deadLetter')
    this.#hasOrg = (orgId) => control.org(orgId) !== undefined
  }

  async load(): Promise<Entries> {
    const all = [...this.#destinations.getRange().map(({ value }) => value)]
    // The server was killed while it removed these organisations.
    for (const one of all) if (!this.#hasOrg(one.orgId)) await this.remove(one)
    const entries = all.filter(({ orgId }) => this.#hasOrg(orgId)).map((one) => this.#entry(one))
    return { entries, forMs: Number.POSITIVE_INFINITY }
  }

  #entry(record: DestinationRecord): Entry {
    const recordVersion = ++this.#recordVersion
    return { record, recordVersion, version: VERSION, erasures: 0, isMine: true }
  }

  async create(
    record: DestinationRecord,
    state: DestinationState,
    check: (counts: Counts) => void,
  ): Promise<Entry> {
    const own = { start: [record.orgId, ''], end: [record.orgId, '~'] } as const
    check({
      ofOrg: this.#destinations.getKeysCount(own as never),
      all: this.#destinations.getKeysCount(),
    })
    // The state holds the starting point, so both must be durable before something is delivered.
    await Promise.all([this.#states.put(record.id, state), this.put(record)])
    return this.#entry(record)
  }

  async put(record: DestinationRecord): Promise<void> {
    await this.#destinations.put([record.orgId, record.id], record)
  }

  async replace(
    _entry: Entry,
    record: DestinationRecord,
    work: (state: DestinationState) => DestinationState,
  ): Promise<Entry> {
    const state = this.#stateOf(record.id)
    if (state === undefined) throw changedMeanwhile()
    await Promise.all([this.put(record), this.#states.put(record.id, work(state))])
    return this.#entry(record)
  }

  async remove({ orgId, id }: DestinationRecord): Promise<void> {
    const keys = [...this.#deadLetters.getKeys(lettersOf(id))]
    await Promise.all([
      ...keys.map((key) => this.#deadLetters.remove(key)),
      this.#states.remove(id),
      this.#destinations.remove([orgId, id]),
    ])
  }

  async state({ record }: Pick<Entry, 'record'>): Promise<SavedState> {
    const state = this.#stateOf(record.id)
    if (state === undefined) throw changedMeanwhile()
    return { state, version: VERSION }
  }

  /** Older states have at most one backfill, in another field. It is not continued. */
  #stateOf(id: string): DestinationState | undefined {
    const state = this.#states.get(id)
    return state && { ...state, backfills: (state.backfills as Backfill[] | undefined) ?? [] }
  }

  async putState(id: string, state: DestinationState): Promise<number> {
    await this.#states.put(id, state)
    return VERSION
  }

  async erased(): Promise<void> {}

  async release(): Promise<void> {}

  async deadLetters(id: string): Promise<DeadLetter[]> {
    return [...this.#deadLetters.getRange(lettersOf(id)).map(({ value }) => value)]
  }

  async countDeadLetters(id: string): Promise<number> {
    return this.#deadLetters.getKeysCount(lettersOf(id))
  }

  async hasDeadLetter(
    id: string,
    { siteId, sessionId }: Pick<DeadLetter, 'siteId' | 'sessionId'>,
  ): Promise<boolean> {
    return this.#deadLetters.doesExist([id, `${siteId}/${sessionId}`])
  }

  async putDeadLetter(id: string, letter: DeadLetter): Promise<void> {
    await this.#deadLetters.put([id, `${letter.siteId}/${letter.sessionId}`], letter)
  }

  async removeDeadLetter(
    id: string,
    { siteId, sessionId }: Pick<DeadLetter, 'siteId' | 'sessionId'>,
  ): Promise<void> {
    await this.#deadLetters.remove([id, `${siteId}/${sessionId}`])
  }

  /** The highest commit number that a destination has passed. New commits must have higher numbers. */
  furthestArrival(): number {
    const states = [...this.#states.getKeys()].map((id) => this.#stateOf(id)!)
    const passed = states.flatMap(({ live, backfills }) => [
      live.cursor.arrival,
      live.pending?.to.arrival ?? -1,
      ...backfills.map(({ upTo }) => upTo.arrival),
    ])
    return passed.reduce((most, one) => Math.max(most, one), -1)
  }
}

function lettersOf(id: string): { start: [string, string]; end: [string, string] } {
  return { start: [id, ''], end: [id, '~'] }
}
