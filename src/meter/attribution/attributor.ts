/**
 * Says who a session belongs to: peer, client, user, resource, by the state that held when it started.
 *
 * - The peer is the one whose allowed IPs hold the source (longest prefix); if none does, the one that holds the
 *   destination: the session was opened by the resource towards a client. With both ends inside peers
 *   (hub-and-spoke) it is the initiator's peer.
 * - The client is the catalog's with that peer's public key; else, and where there are no peers, the one whose
 *   `addresses` hold the source, then the destination.
 * - The resource is the catalog's for the destination, port and protocol (see CatalogIndex).
 *
 * Peers are sampled. An address that nobody held at the sample before the session's start, but somebody at the
 * next one, is that peer's: WireGuard lets no packet in whose source is not in its peer's allowed IPs, so the
 * session itself proves that the change had happened.
 *
 * All reports of a session must agree although the history is bounded, so what an interim record was given is
 * kept for the records that follow (at most `openMax` of them, longest unused first out).
 */
import { LRUCache } from 'lru-cache'
import { type Catalog, EMPTY_CATALOG } from '../../session/catalog.js'
import type { Attribution, FlowRecord, UnattributedReason } from '../../session/session.js'
import type { PeerSnapshot } from '../wireguard/device.js'
import { CatalogIndex } from './catalog-index.js'
import { History, maybeAlready } from './history.js'
import { PeerIdentity } from './peer-identity.js'
import { buildPeerTable, fingerprintOf, type PeerTable } from './peer-table.js'

export interface AttributorOptions {
  /** Open sessions whose attribution is remembered. */
  readonly openMax?: number
  /** States of the peers, and of the catalog, that are kept. */
  readonly historyMax?: number
  /** The site this meter stands at; resources of other sites are left out. */
  readonly siteId?: number | null
}

export interface AttributionCounters {
  readonly peers: number
  readonly peersAdded: number
  readonly peersRemoved: number
  /** Peers whose outer address changed. */
  readonly endpointChanges: number
  /** States of allowed IPs since the start, and those that the bound dropped. */
  readonly states: number
  readonly statesDropped: number
  readonly attributed: number
  readonly unattributed: Readonly<Record<UnattributedReason, number>>
}

const OPEN_MAX_DEFAULT = 4096
const HISTORY_MAX_DEFAULT = 64

/** Whether reading the peers anew may tell more: nobody's session, or a peer whose endpoint is not known yet. */
export function isUncertain({ unattributed, peerPublicKey, clientEndpoint }: Attribution): boolean {
  return unattributed === 'noMatch' || (peerPublicKey !== null && clientEndpoint === null)
}

export class Attributor {
  readonly #siteId: number | null
  readonly #peers: History<PeerTable>
  readonly #catalogs: History<CatalogIndex>
  readonly #identities = new Map<string, PeerIdentity>()
  /** Sequence of a session that is still open to what it was given. */
  readonly #open: LRUCache<number, Attribution>
  readonly #unattributed: Record<UnattributedReason, number> = {
    noPeers: 0,
    noMatch: 0,
    unknownPeer: 0,
    historyLost: 0,
  }
  #current = new Set<string>()
  #states = 0
  #peersAdded = 0
  #peersRemoved = 0
  #endpointChanges = 0
  #attributed = 0

  constructor(options: AttributorOptions = {}) {
    const historyMax = options.historyMax ?? HISTORY_MAX_DEFAULT
    this.#siteId = options.siteId ?? null
    this.#peers = new History(historyMax)
    this.#catalogs = new History(historyMax)
    this.#open = new LRUCache({ max: options.openMax ?? OPEN_MAX_DEFAULT })
  }

  /** True when an allowed IP changed owner, came or went: `insidePrefixes` has changed then. */
  peersChanged({ device }: Pick<PeerSnapshot, 'device'>, atUs: number): boolean {
    const fingerprint = fingerprintOf(device.peers)
    const before = this.#peers.latest
    const changed = before === null || before.fingerprint !== fingerprint
    for (const peer of device.peers)
      if (this.#identityOf(peer.publicKey).moved(peer.endpoint, atUs)) this.#endpointChanges++
    if (!changed) {
      this.#peers.confirm(atUs)
      return false
    }
    this.#countPeers(device.peers.map((peer) => peer.publicKey))
    const identityOf = (key: string) => this.#identityOf(key)
    this.#peers.add(buildPeerTable(device.peers, identityOf, fingerprint), atUs)
    this.#peerPrefixes = device.peers.flatMap((peer) => peer.allowedIps)
    this.#states++
    return true
  }
  #peerPrefixes: readonly string[] = []

  catalogChanged(catalog: Catalog, atUs: number): void {
    this.#catalogs.add(new CatalogIndex(catalog, this.#siteId), atUs)
  }

  /** The clients' side of the tunnel: all allowed IPs, and the catalog's client addresses. */
  insidePrefixes(): string[] {
    return [...this.#peerPrefixes, ...(this.#catalogs.latest?.clientPrefixes ?? [])]
  }

  attribute(record: FlowRecord): Attribution {
    const known = this.#open.size === 0 ? undefined : this.#open.get(record.sequence)
    const attribution = known ?? this.#attribute(record)
    if (record.endReason === 'activeTimeout') {
      // One that belongs to nobody so far may find its peer with the next sample.
      if (known === undefined && attribution.unattributed !== 'noMatch')
        this.#open.set(record.sequence, attribution)
    } else {
      if (known !== undefined) this.#open.delete(record.sequence)
      if (attribution.unattributed === null) this.#attributed++
      else this.#unattributed[attribution.unattributed]++
    }
    return attribution
  }

  /**
   * After the peers were read again: what was nobody's may be somebody's now, and a peer that had just shaken hands
   * for the first time has its endpoint. `before` is what the record was given first.
   */
  attributeAgain(record: FlowRecord, before: Attribution): Attribution {
    this.#open.delete(record.sequence)
    if (record.endReason !== 'activeTimeout') {
      if (before.unattributed === null) this.#attributed--
      else this.#unattributed[before.unattributed]--
    }
    return this.attribute(record)
  }

  /** The peers that hold the two ends, by public key. */
  endsOf({ sourceIp, destIp, startTimeUs }: FlowRecord): {
    source: string | null
    dest: string | null
  } {
    return {
      source: this.#peerOf(sourceIp, startTimeUs)?.publicKey ?? null,
      dest: this.#peerOf(destIp, startTimeUs)?.publicKey ?? null,
    }
  }

  /** Peers that are remembered, present or gone: bounded. */
  get identityCount(): number {
    return this.#identities.size
  }

  counters(): AttributionCounters {
    return {
      peers: this.#current.size,
      peersAdded: this.#peersAdded,
      peersRemoved: this.#peersRemoved,
      endpointChanges: this.#endpointChanges,
      states: this.#states,
      statesDropped: this.#peers.dropped,
      attributed: this.#attributed,
      unattributed: { ...this.#unattributed },
    }
  }

  #attribute(record: FlowRecord): Attribution {
    const { startTimeUs, sourceIp, destIp } = record
    const held = this.#catalogs.at(startTimeUs)
    const catalog = held === null || held === 'lost' ? this.#empty : held.state
    const peer = this.#peerOf(sourceIp, startTimeUs) ?? this.#peerOf(destIp, startTimeUs)
    const client =
      (peer === null ? null : catalog.clientOf(peer)) ??
      catalog.clientOfAddress(sourceIp) ??
      catalog.clientOfAddress(destIp)
    return {
      peerPublicKey: peer?.publicKey ?? null,
      clientEndpoint: peer?.endpointAt(startTimeUs) ?? null,
      clientId: client?.clientId ?? null,
      userId: client?.userId ?? null,
      siteResourceId: catalog.resourceOf(destIp, record.destPort, record.protocol),
      unattributed:
        client !== null
          ? null
          : this.#reason(peer, startTimeUs, held === 'lost', catalog.hasClients),
    }
  }
  readonly #empty = new CatalogIndex(EMPTY_CATALOG, null)

  #reason(
    peer: PeerIdentity | null,
    startTimeUs: number,
    catalogLost: boolean,
    catalogHasClients: boolean,
  ): UnattributedReason {
    if (catalogLost || this.#peers.at(startTimeUs) === 'lost') return 'historyLost'
    if (peer !== null) return 'unknownPeer'
    return this.#peers.length === 0 && !catalogHasClients ? 'noPeers' : 'noMatch'
  }

  #peerOf(ip: string, timeUs: number): PeerIdentity | null {
    const held = this.#peers.at(timeUs)
    if (held === null || held === 'lost') return null
    return held.state.byAddress.match(ip) ?? maybeAlready(held, timeUs)?.byAddress.match(ip) ?? null
  }

  #identityOf(publicKey: string): PeerIdentity {
    const known = this.#identities.get(publicKey)
    if (known !== undefined) return known
    const identity = new PeerIdentity(publicKey)
    this.#identities.set(publicKey, identity)
    return identity
  }

  #countPeers(publicKeys: readonly string[]): void {
    const next = new Set(publicKeys)
    for (const key of next) if (!this.#current.has(key)) this.#peersAdded++
    for (const key of this.#current) if (!next.has(key)) this.#peersRemoved++
    this.#current = next
    this.#forget(next)
  }

  /** Tables keep the identities they need; here a peer that is gone is kept only while there is room. */
  #forget(present: ReadonlySet<string>): void {
    const max = Math.max(2 * present.size, 1024)
    for (const key of this.#identities.keys()) {
      if (this.#identities.size <= max) return
      if (!present.has(key)) this.#identities.delete(key)
    }
  }
}
