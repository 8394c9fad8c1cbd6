/** One state of an interface's peers: who holds which address, and who was where. */
import type { WireGuardPeer } from '../wireguard/device.js'
import type { PeerIdentity } from './peer-identity.js'
import { PrefixTable } from './prefix-table.js'

export interface PeerTable {
  /** Tells two tables apart without comparing prefixes. */
  readonly fingerprint: string
  readonly byAddress: PrefixTable<PeerIdentity>
  readonly peerCount: number
}

/** What of the peers decides attribution, as one text: sorted keys with their allowed IPs. */
export function fingerprintOf(peers: readonly WireGuardPeer[]): string {
  return peers
    .map((peer) => `${peer.publicKey} ${[...peer.allowedIps].sort().join(',')}`)
    .sort()
    .join('\n')
}

/** WireGuard gives an allowed IP to one peer only; should two have it, the later one holds it, as in WireGuard. */
export function buildPeerTable(
  peers: readonly WireGuardPeer[],
  identityOf: (publicKey: string) => PeerIdentity,
  fingerprint: string,
): PeerTable {
  const byAddress = new PrefixTable<PeerIdentity>()
  for (const peer of peers) {
    const identity = identityOf(peer.publicKey)
    for (const prefix of peer.allowedIps) byAddress.insert(prefix, () => identity)
  }
  return { fingerprint, byAddress, peerCount: peers.length }
}
