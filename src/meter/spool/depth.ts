/** Counts the spool's content as it changes, because reading a million batches would take too long. */
import { type BatchEntry, diskBytes, type Identity, parseEntry } from './format.js'
import type { StoreFile } from './store-file.js'

export interface Tally {
  readonly batches: number
  readonly bytes: number
  readonly sessions: number
  readonly quarantined: number
  readonly quarantinedBytes: number
}

const EMPTY: Tally = { batches: 0, bytes: 0, sessions: 0, quarantined: 0, quarantinedBytes: 0 }

export class Depth {
  readonly #store: StoreFile
  #tally: Tally = EMPTY
  #touched = 0

  constructor(store: StoreFile) {
    this.#store = store
    this.recount()
  }

  get tally(): Tally {
    return this.#tally
  }

  /** Counts a waiting batch in (1) or out (-1). */
  waiting(entry: BatchEntry, sign: 1 | -1): void {
    const { batches, bytes, sessions } = this.#tally
    this.#tally = {
      ...this.#tally,
      batches: batches + sign,
      bytes: bytes + sign * diskBytes(entry),
      sessions: sessions + sign * entry.sessions,
    }
  }

  /** Counts a quarantined batch in (1) or out (-1). */
  quarantine(entry: BatchEntry, sign: 1 | -1): void {
    const { quarantined, quarantinedBytes } = this.#tally
    this.#tally = {
      ...this.#tally,
      quarantined: quarantined + sign,
      quarantinedBytes: quarantinedBytes + sign * diskBytes(entry),
    }
  }

  /**
   * Recounts when `tunmeter spool resend|drop` has changed the tables beside the running meter, which it marks in
   * `touched`. @returns whether it has
   */
  noticeOtherProcesses(): boolean {
    if (this.#mark() === this.#touched) return false
    this.recount()
    return true
  }

  recount(): void {
    this.#touched = this.#mark()
    this.#tally = EMPTY
    for (const { value } of this.#store.batches.getRange()) {
      const entry = parseEntry(value)
      if (entry !== null) this.waiting(entry, 1)
    }
    for (const { value } of this.#store.quarantine.getRange()) {
      const entry = parseEntry(value)
      if (entry !== null) this.quarantine(entry, 1)
    }
  }

  /** What waits, for the identity beside the data file. */
  unsent(): Identity['unsent'] {
    return {
      sessions: this.#tally.sessions,
      fromUs: this.#firstWithSessions(false)?.fromUs ?? 0,
      toUs: this.#firstWithSessions(true)?.toUs ?? 0,
    }
  }

  /** Skips batches without sessions, because they have no span. */
  #firstWithSessions(reverse: boolean): BatchEntry | null {
    for (const { value } of this.#store.batches.getRange({ reverse })) {
      const entry = parseEntry(value)
      if (entry !== null && entry.sessions > 0) return entry
    }
    return null
  }

  #mark(): number {
    return Number(this.#store.meta.get('touched') ?? 0)
  }
}
