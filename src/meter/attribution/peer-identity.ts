/** A peer as attribution knows it: its key, and its endpoints by epoch. */
import { Timeline } from './timeline.js'

export class PeerIdentity {
  readonly publicKey: string
  readonly #endpoints = new Timeline<string>(null, 0)

  constructor(publicKey: string) {
    this.publicKey = publicKey
  }

  /** True if the endpoint differs from the last known one. The first endpoint is an arrival, not a move. */
  moved(endpoint: string | null, epoch: number): boolean {
    const before = this.#endpoints.latest
    if (endpoint === null || endpoint === before) return false
    this.#endpoints.set(endpoint, epoch)
    return before !== null
  }

  /** The endpoint at this epoch; before the first known one, the first, because a session proves that there was one. */
  endpointAt(epoch: number): string | null {
    return this.#endpoints.at(epoch) ?? this.#endpoints.firstAfter(epoch)
  }

  /** @returns how many past endpoints are left */
  forgetBefore(epoch: number): number {
    this.#endpoints.forgetBefore(epoch)
    return this.#endpoints.pastCount
  }
}
