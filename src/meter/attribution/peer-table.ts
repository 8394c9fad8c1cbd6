/** Finds the peer that held an address at an epoch. */
import type { WireGuardPeer } from '../wireguard/device.js'
import { PeerIdentity } from './peer-identity.js'
import { PrefixTimelines } from './prefix-timelines.js'

/** At least this many peers are remembered, gone ones included, so that a peer that returns keeps its identity. */
const GONE_MIN = 1024

export interface Owner {
  readonly peer: PeerIdentity
  /** The prefix is a single address, so no other peer can hold a longer one. */
  readonly hostRoute: boolean
  /** The prefix is /0: the peer may be the gateway for packets that are for no peer. */
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

  /** Peers that are present now. */
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

  /** Remembered peers, present or gone; #count() bounds their number. */
  get identityCount(): number {
    return this.#identities.size
  }

  /** True if a peer or an allowed IP came, went or changed owner. */
  replace(peers: readonly WireGuardPeer[], epoch: number): boolean {
    for (const { publicKey, endpoint } of peers)
      if (this.#identityOf(publicKey).moved(endpoint, epoch)) this.endpointChanges++
    const fingerprint = fingerprintOf(peers)
    if (fingerprint === this.#fingerprint) return false
    this.#fingerprint = fingerprint
    this.#prefixes = peers.flatMap(({ allowedIps }) => allowedIps)
    // WireGuard gives an allowed IP to one peer only. If a reading lists it for two, the later one wins, as in WireGuard.
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
   * The owner of the longest prefix that a peer held at this epoch. A prefix that nobody held then counts for the peer
   * that held it at `next`, the next reading: WireGuard accepts a packet only if the peer holds its source, so the
   * session proves that the change had already happened.
   */
  ownerOf(ip: string, epoch: number, next: number | null): Owner | null {
    return this.#owners.firstMatch(
      ip,
      (timeline) => timeline.at(epoch) ?? (next === null ? null : timeline.at(next)),
    )
  }

  /** @returns how many past values are left */
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

/** One text of all that decides attribution: the sorted keys with their sorted allowed IPs. */
function fingerprintOf(peers: readonly WireGuardPeer[]): string {
  return peers
    .map((peer) => `${peer.publicKey} ${[...peer.allowedIps].sort().join(',')}`)
    .sort()
    .join('\n')
}
