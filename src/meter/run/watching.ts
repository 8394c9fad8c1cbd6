/**
 * The meter's counters of chosen clients and resources (session/watched.ts). They get what the catalog's rules leave: sessions as they
 * are spooled, events of peers, and handshakes of peers whose events may be recorded.
 */
import type { PeerEvent } from '../../session/peer-event.js'
import { type Chosen, Watched } from '../../session/watched.js'
import { watchedText } from '../../session/watched-text.js'
import type { Attributor } from '../attribution/attributor.js'
import type { WireGuardPeer } from '../wireguard/device.js'

export class Watching {
  readonly #watched: Watched

  private constructor(chosen: Chosen) {
    this.#watched = new Watched(chosen, { open: true })
  }

  /** Null if nothing is chosen. */
  static of(clients: readonly string[], resources: readonly string[]): Watching | null {
    return clients.length + resources.length === 0 ? null : new Watching({ clients, resources })
  }

  readonly take: Watched['take'] = (session) => this.#watched.take(session)
  readonly catalogChanged: Watched['catalogChanged'] = (catalog) =>
    this.#watched.catalogChanged(catalog)

  told(events: readonly PeerEvent[]): void {
    for (const { event, clientId } of events)
      if (event === 'endpointChanged') this.#watched.endpointChanged(clientId)
  }

  read(peers: readonly WireGuardPeer[], owners: Pick<Attributor, 'ofPeer'>): void {
    if (this.#watched.clients.series.size === 0) return
    for (const { publicKey, allowedIps, lastHandshakeSeconds } of peers) {
      if (lastHandshakeSeconds === null) continue
      const { clientId, rule } = owners.ofPeer(publicKey, allowedIps)
      if (rule.log === 'full') this.#watched.handshake(clientId, lastHandshakeSeconds * 1e6)
    }
  }

  text(): string {
    return watchedText([{ orgId: null, watched: this.#watched }])
  }
}
