/** Stands in for destinations on a server with --store: the list is empty, and create() fails. */
import { AppError } from '../../base/errors.js'
import type { Courier } from './courier.js'
import type { Destinations } from './destinations.js'

/** What routes and chores use of destinations. */
export type DestinationList = Pick<Destinations, keyof Destinations>

export class NoDestinations implements DestinationList {
  readonly #why: string

  constructor(why: string) {
    this.#why = why
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  async removeOrg(): Promise<void> {}
  async expiring(): Promise<void> {}
  forget(): void {}

  of(): Courier[] {
    return []
  }

  all(): Courier[] {
    return []
  }

  holders(): string[] {
    return []
  }

  /** @throws AppError NO_DESTINATION */
  get(_orgId: string, id: string): Courier {
    throw new AppError('NO_DESTINATION', `there is no destination "${id}" in this organisation`)
  }

  get records(): never {
    throw this.#refusal()
  }

  create(): Promise<Courier> {
    return Promise.reject(this.#refusal())
  }

  replace(): Promise<Courier> {
    return Promise.reject(this.#refusal())
  }

  pause(): Promise<Courier> {
    return Promise.reject(this.#refusal())
  }

  remove(): Promise<Courier> {
    return Promise.reject(this.#refusal())
  }

  #refusal(): AppError {
    return new AppError('NO_DESTINATIONS', this.#why)
  }
}
