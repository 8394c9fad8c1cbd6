/** The state of one destination: what is in memory is what is on disk, but for a cursor that moved over nothing. */
import { AppError } from '../../base/errors.js'
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
  #isClosed = false

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

  /** Durable when it resolves; one after the other. @throws AppError DESTINATION_CHANGED */
  readonly change: Change = (work, saves = true) =>
    this.#changes.run(async () => {
      if (this.#isClosed)
        throw new AppError(
          'DESTINATION_CHANGED',
          'the destination was changed or removed meanwhile; ask again',
        )
      const next = work(this.#state)
      if (saves) {
        await this.#parts.records.putState(this.#parts.id, next)
        this.#savedMs = this.#parts.clockMs()
      }
      this.#state = next
    })

  /** After the changes that have begun: later ones would be of one that has a successor, or is gone. */
  close(): Promise<void> {
    return this.#changes.run(async () => {
      this.#isClosed = true
    })
  }
}
