/** Counts the spool's content as it changes, because reading a million batches would take too long. */
import { type BatchEntry, diskBytes, parseEntry } from './format.js'
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

  /** One batch more (1) or less (-1) that waits. */
  waiting(entry: BatchEntry, sign: 1 | -1): void {
    const { batches, bytes, sessions } = this.#tally
    this.#tally = {
      ...this.#tally,
      batches: batches + sign,
      bytes: bytes + sign * diskBytes(entry),
      sessions: sessions + sign * entry.sessions,
    }
  }

  /** One batch more or less that is quarantined. */
  quarantine(entry: BatchEntry, sign: 1 | -1): void {
    const { quarantined, quarantinedBytes } = this.#tally
    this.#tally = {
      ...this.#tally,
      quarantined: quarantined + sign,
      quarantinedBytes: quarantinedBytes + sign * diskBytes(entry),
    }
  }

  /** `tunmeter spool resend|drop` change the tables of a running meter and leave a mark: true when they did. */
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

  #mark(): number {
    return Number(this.#store.meta.get('touched') ?? 0)
  }
}
