/** A peer in attribution: its key, and its endpoints over time. */
import { Timeline } from './timeline.js'

export class PeerIdentity {
  readonly publicKey: string
  readonly #endpoints = new Timeline<string>(null, 0)

  constructor(publicKey: string) {
    this.publicKey = publicKey
  }

  /** True when it differs from the last one; the first of all is an arrival. */
  moved(endpoint: string | null, epoch: number): boolean {
    const before = this.#endpoints.latest
    if (endpoint === null || endpoint === before) return false
    this.#endpoints.set(endpoint, epoch)
    return before !== null
  }

  /** Where the peer was. Before the first that is known: that one, since a session proves that there was one. */
  endpointAt(epoch: number): string | null {
    return this.#endpoints.at(epoch) ?? this.#endpoints.firstAfter(epoch)
  }

  /** @returns how many endpoints besides the present one are left */
  forgetBefore(epoch: number): number {
    this.#endpoints.forgetBefore(epoch)
    return this.#endpoints.pastCount
  }
}
