/** The state of one destination: what is in memory is what is on disk, but for a cursor that moved over nothing. */
import { Mutex } from '../store/mutex.js'
import type { DestinationRecords, DestinationState } from './records.js'

interface Parts {
  readonly id: string
  readonly records: Pick<DestinationRecords, 'putState'>
  readonly clockMs: () => number
}

export type Change = (
  work: (state: DestinationState) => DestinationState,
  saves?: boolean,
) => Promise<void>

export class StateKeeper {
  readonly #parts: Parts
  readonly #changes = new Mutex()
  #state: DestinationState
  #savedMs = 0

  constructor(parts: Parts, state: DestinationState) {
    this.#parts = parts
    this.#state = state
  }

  get state(): DestinationState {
    return this.#state
  }

  get savedMs(): number {
    return this.#savedMs
  }

  /** Durable when it resolves; one after the other. */
  readonly change: Change = (work, saves = true) =>
    this.#changes.run(async () => {
      const next = work(this.#state)
      if (saves) {
        await this.#parts.records.putState(this.#parts.id, next)
        this.#savedMs = this.#parts.clockMs()
      }
      this.#state = next
    })

  /** When all changes that have begun are durable. */
  async settled(): Promise<void> {
    await this.#changes.run(() => Promise.resolve())
  }
}
