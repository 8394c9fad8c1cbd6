/**
 * The state of one destination. Memory and disk agree, except for a cursor that moved without sending anything.
 *
 * Another server may change the state, too: a user asks it for a backfill. A change that finds another version begins anew
 * on that one, so a change must depend on nothing but the state that it gets.
 */
import { AppError } from '../../base/errors.js'
import { Mutex } from '../store/mutex.js'
import {
  changedMeanwhile,
  type DestinationRecords,
  type DestinationState,
  type Entry,
  type SavedState,
} from './records.js'

/** Servers that change one state at one moment are few. */
const ATTEMPTS_MAX = 10

interface Parts {
  readonly entry: Pick<Entry, 'record' | 'recordVersion' | 'isMine'>
  readonly records: Pick<DestinationRecords, 'putState' | 'state'>
  readonly clockMs: () => number
}

export type Change = (
  work: (state: DestinationState) => DestinationState,
  saves?: boolean,
) => Promise<void>

export class StateKeeper {
  readonly #parts: Parts
  readonly #changes = new Mutex()
  #saved: SavedState
  #savedMs = 0
  #isClosed = false

  constructor(parts: Parts, saved: SavedState) {
    this.#parts = parts
    this.#saved = saved
  }

  get state(): DestinationState {
    return this.#saved.state
  }

  get version(): number {
    return this.#saved.version
  }

  get savedMs(): number {
    return this.#savedMs
  }

  /** The destination is not this keeper's any more: it was changed or removed, or another server has it. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /**
   * Changes run one at a time. With `saves` a change is durable when it resolves.
   * @throws AppError DESTINATION_CHANGED, STORE_BUSY
   */
  readonly change: Change = (work, saves = true) =>
    this.#changes.run(async () => {
      for (let attempt = 1; ; attempt++) {
        if (this.#isClosed) throw changedMeanwhile()
        const state = work(this.#saved.state)
        const { id } = this.#parts.entry.record
        const version = saves
          ? await this.#parts.records.putState(id, state, this.#saved.version)
          : this.#saved.version
        if (version !== null) {
          this.#saved = { state, version }
          if (saves) this.#savedMs = this.#parts.clockMs()
          return
        }
        if (attempt === ATTEMPTS_MAX)
          throw new AppError('STORE_BUSY', 'other servers change this destination', {
            hint: 'Send the request again in a few seconds.',
          })
        await this.#read()
      }
    })

  /** Another server changed the state. @throws AppError DESTINATION_CHANGED */
  reload(): Promise<void> {
    return this.#changes.run(() => this.#read())
  }

  async #read(): Promise<void> {
    const { records, entry } = this.#parts
    this.#saved = await records.state(entry).catch((error: unknown) => {
      this.#isClosed ||= error instanceof AppError && error.code === 'DESTINATION_CHANGED'
      throw error
    })
  }

  /**
   * Waits for the changes under way. Later ones are refused, because the destination was replaced, removed or stopped.
   */
  close(): Promise<void> {
    return this.#changes.run(async () => {
      this.#isClosed = true
    })
  }
}
