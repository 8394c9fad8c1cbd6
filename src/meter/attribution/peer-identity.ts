/** A peer as attribution knows it: its key, its endpoints over time, its client. */

/** Whose a peer is, by the catalog. */
export interface ClientMatch {
  readonly clientId: number
  readonly userId: string | null
}

/** Roaming peers move often, so their endpoints have a history of their own, per peer. */
const ENDPOINTS_MAX = 32

/** A peer as long as it is known; its endpoints over time. */
export class PeerIdentity {
  readonly publicKey: string
  /** What this CatalogIndex says of the peer; see CatalogIndex.clientOf(). */
  catalog: object | null = null
  client: ClientMatch | null = null
  readonly #endpoints: { readonly fromUs: number; readonly endpoint: string | null }[] = []
  /** The last of them: nearly every session began with it. Held here, where the rest of the peer is. */
  #endpoint: string | null = null
  #fromUs = Number.POSITIVE_INFINITY
  #dropped = false

  constructor(publicKey: string) {
    this.publicKey = publicKey
  }

  /** True when it differs from the last one. */
  moved(endpoint: string | null, atUs: number): boolean {
    const last = this.#endpoints.at(-1)
    if (last !== undefined && last.endpoint === endpoint) return false
    this.#endpoints.push({ fromUs: atUs, endpoint })
    this.#endpoint = endpoint
    this.#fromUs = atUs
    if (this.#endpoints.length > ENDPOINTS_MAX) {
      this.#endpoints.shift()
      this.#dropped = true
    }
    // The first endpoint of all, after none, is an arrival.
    return last !== undefined && last.endpoint !== null && endpoint !== null
  }

  /**
   * Where the peer was. Before the first endpoint that is known: that one, since a session through the tunnel
   * proves that there was one; null when older ones were dropped.
   */
  endpointAt(timeUs: number): string | null {
    if (this.#fromUs <= timeUs && this.#endpoint !== null) return this.#endpoint
    for (let i = this.#endpoints.length - 1; i >= 0; i--) {
      const { endpoint, fromUs } = this.#endpoints[i]!
      if (fromUs <= timeUs && endpoint !== null) return endpoint
    }
    return this.#dropped
      ? null
      : (this.#endpoints.find((one) => one.endpoint !== null)?.endpoint ?? null)
  }
}
