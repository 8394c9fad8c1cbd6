/** Finds the peer that held an address at an epoch. */
import type { WireGuardPeer } from '../wireguard/device.js'
import { PeerIdentity } from './peer-identity.js'
import { PrefixTimelines } from './prefix-timelines.js'

/** Peers that are gone are remembered while there is room: one that comes back is the same. */
const GONE_MIN = 1024

export interface Owner {
  readonly peer: PeerIdentity
  /** No other peer may come between it and the address: the prefix that it holds is the address. */
  readonly hostRoute: boolean
  /** It may be asked to send on what is for no peer: the prefix that it holds is /0. */
  readonly defaultRoute: boolean
}

interface Claim extends Owner {
  readonly publicKey: string
}

export class PeerTable {
  readonly #owners = new PrefixTimelines<Claim>(
    (a, b) => a.publicKey === b.publicKey && a.hostRoute === b.hostRoute,
  )
  readonly #identities = new Map<string, PeerIdentity>()
  #present: ReadonlySet<string> = new Set()
  #fingerprint: string | null = null
  #prefixes: readonly string[] = []
  added = 0
  removed = 0
  endpointChanges = 0

  /** Peers that are there now. */
  get size(): number {
    return this.#present.size
  }

  get wasRead(): boolean {
    return this.#fingerprint !== null
  }

  /** All allowed IPs. */
  get prefixes(): readonly string[] {
    return this.#prefixes
  }

  /** Peers that are remembered, present or gone: bounded. */
  get identityCount(): number {
    return this.#identities.size
  }

  /** True when an allowed IP changed owner, came or went. */
  replace(peers: readonly WireGuardPeer[], epoch: number): boolean {
    for (const { publicKey, endpoint } of peers)
      if (this.#identityOf(publicKey).moved(endpoint, epoch)) this.endpointChanges++
    const fingerprint = fingerprintOf(peers)
    if (fingerprint === this.#fingerprint) return false
    this.#fingerprint = fingerprint
    this.#prefixes = peers.flatMap(({ allowedIps }) => allowedIps)
    // WireGuard gives an allowed IP to one peer only; should two have it, the later one holds it, as in WireGuard.
    this.#owners.replace(epoch, (add) => {
      for (const { publicKey, allowedIps } of peers) {
        const peer = this.#identityOf(publicKey)
        for (const prefix of allowedIps)
          add(prefix, () => ({ publicKey, peer, ...routeOf(prefix) }))
      }
    })
    this.#count(new Set(peers.map(({ publicKey }) => publicKey)))
    return true
  }

  /**
   * Of the longest prefix that somebody held at this epoch, or that nobody held then and somebody at `next`, the next
   * reading: WireGuard lets no packet in whose source is not its peer's, so the session itself says that the change had
   * happened.
   */
  ownerOf(ip: string, epoch: number, next: number | null): Owner | null {
    return this.#owners.firstMatch(
      ip,
      (timeline) => timeline.at(epoch) ?? (next === null ? null : timeline.at(next)),
    )
  }

  /** @returns how many values besides the present ones are left */
  forgetBefore(epoch: number): number {
    let past = this.#owners.forgetBefore(epoch)
    for (const identity of this.#identities.values()) past += identity.forgetBefore(epoch)
    return past
  }

  #identityOf(publicKey: string): PeerIdentity {
    const known = this.#identities.get(publicKey)
    if (known !== undefined) return known
    const identity = new PeerIdentity(publicKey)
    this.#identities.set(publicKey, identity)
    return identity
  }

  #count(next: ReadonlySet<string>): void {
    for (const key of next) if (!this.#present.has(key)) this.added++
    for (const key of this.#present) if (!next.has(key)) this.removed++
    this.#present = next
    const max = Math.max(2 * next.size, GONE_MIN)
    for (const key of this.#identities.keys()) {
      if (this.#identities.size <= max) return
      if (!next.has(key)) this.#identities.delete(key)
    }
  }
}

function routeOf(prefix: string): Pick<Owner, 'hostRoute' | 'defaultRoute'> {
  return {
    hostRoute: prefix.endsWith(prefix.includes(':') ? '/128' : '/32'),
    defaultRoute: prefix.endsWith('/0'),
  }
}

/** What of the peers decides attribution, as one text: sorted keys with their allowed IPs. */
function fingerprintOf(peers: readonly WireGuardPeer[]): string {
  return peers
    .map((peer) => `${peer.publicKey} ${[...peer.allowedIps].sort().join(',')}`)
    .sort()
    .join('\n')
}
