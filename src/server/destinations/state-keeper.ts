/** The state of one destination. Memory and disk agree, except for a cursor that moved without sending anything. */
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

  /**
   * Changes run one at a time. With `saves` a change is durable when it resolves.
   * @throws AppError DESTINATION_CHANGED
   */
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

  /**
   * Waits for the changes under way. Later ones are refused, because the destination was replaced, removed or stopped.
   */
  close(): Promise<void> {
    return this.#changes.run(async () => {
      this.#isClosed = true
    })
  }
}
