/**
 * Attributes a session to a peer, client, user and resource, by the state that was valid when the session opened.
 *
 * - Peer: the peer whose allowed IPs hold the source (longest prefix). If none does, the peer that holds the
 *   destination, because a resource opened the session towards a client. If peers hold both ends (hub-and-spoke), the
 *   initiator's peer.
 * - Client: the catalog's client with that peer's public key. If there is none, the client whose `addresses` hold the
 *   source, then the destination.
 * - Other client: the client at the other end, found in the same way.
 * - Resource: the catalog's resource for the destination, port and protocol. If there is none and the session came to a
 *   client, the resource that opened it (see CatalogIndex); if the source is a client too, only the source port decides.
 * - A packet from one peer to another passes the interface twice. But a /0 does not tell where a packet goes: the
 *   destination may be a host of this network. So for a session that a peer opened, a second peer that holds the
 *   destination only by a /0 does not count as reached, and `seenTwice` is unknown (null).
 *
 * Epochs number the states: an epoch begins before each reading of the peers, and with each catalog after the first. The
 * engine stamps a session with the epoch in which it opened. So the attribution depends neither on when it is asked for
 * nor on a clock. The state of an epoch is kept until no session of that epoch is open (`forgetBefore`).
 */
import type { CatalogLists } from '../../session/catalog.js'
import type { Attribution, FlowRecord, UnattributedReason } from '../../session/session.js'
import type { PeerSnapshot } from '../wireguard/device.js'
import { CatalogIndex, type ClientMatch } from './catalog-index.js'
import { KEEP_ALL, type LogRule, LogRules, together } from './log-rules.js'
import { type Owner, PeerTable } from './peer-table.js'

export interface AttributorOptions {
  /** Past values kept for open sessions at most; above it, the older half of the past epochs is forgotten. */
  readonly pastMax?: number
  /** The site of this meter; resources of other sites are left out. */
  readonly siteId?: number | null
}

type Reason = Exclude<UnattributedReason, 'historyLost'>

export interface AttributionCounters {
  readonly peers: number
  readonly peersAdded: number
  readonly peersRemoved: number
  /** Peers whose outer address changed. */
  readonly endpointChanges: number
  /** Changes of the allowed IPs since the start, the first reading included. */
  readonly states: number
  /** How often `pastMax` was exceeded. */
  readonly statesDropped: number
  readonly attributed: number
  readonly unattributed: Readonly<Record<Reason, number>>
}

/** The rules for a session, and its client ends: the field rules hide their address and port. */
export interface Collected extends LogRule {
  readonly clientIsSource: boolean
  readonly clientIsDest: boolean
}

export interface PeerOwner {
  readonly clientId: number | null
  readonly userId: string | null
  readonly rule: LogRule
}

/** This many values take about 100 MiB. */
const PAST_MAX_DEFAULT = 1_000_000

export class Attributor {
  readonly #pastMax: number
  readonly #peers = new PeerTable()
  readonly #catalog: CatalogIndex
  readonly #logRules = new LogRules()
  readonly #unattributed: Record<Reason, number> = {
    noPeers: 0,
    noMatch: 0,
    unknownPeer: 0,
  }
  #epoch = 0
  /** Epochs that began with a reading of the peers, ascending. */
  #readings: number[] = []
  #readingEpoch = 0
  #hasCatalog = false
  /** The oldest epoch whose state is still known. */
  #horizon = 0
  #states = 0
  #statesDropped = 0
  #attributed = 0

  constructor(options: AttributorOptions = {}) {
    this.#pastMax = options.pastMax ?? PAST_MAX_DEFAULT
    this.#catalog = new CatalogIndex(options.siteId ?? null)
  }

  /** The epoch of sessions that open from now on. */
  get epoch(): number {
    return this.#epoch
  }

  /** Call before reading the peers. If a session of an earlier epoch had no known owner, this reading gives it one. */
  beginReading(): number {
    this.#readingEpoch = ++this.#epoch
    return this.#epoch
  }

  /** True if a peer or an allowed IP came, went or changed owner; `insidePrefixes` may then have changed. */
  peersChanged({ device }: Pick<PeerSnapshot, 'device'>): boolean {
    // The first state also applies to earlier epochs, because no other state is known for them.
    const from = this.#peers.wasRead ? this.#readingEpoch : 0
    if (this.#readings.at(-1) !== this.#readingEpoch) this.#readings.push(this.#readingEpoch)
    const changed = this.#peers.replace(device.peers, from)
    if (changed) this.#states++
    return changed
  }

  catalogChanged(catalog: CatalogLists): void {
    const epoch = this.#hasCatalog ? ++this.#epoch : 0
    this.#catalog.replace(catalog, epoch)
    this.#logRules.replace(catalog, epoch)
    this.#hasCatalog = true
  }

  /** The prefixes on the clients' side of the tunnel: all allowed IPs, and the catalog's client addresses. */
  insidePrefixes(): string[] {
    return [...this.#peers.prefixes, ...this.#catalog.clientPrefixes]
  }

  /** Call when no more records can come of sessions that opened before this epoch. */
  forgetBefore(epoch: number): void {
    this.#horizon = Math.max(this.#horizon, epoch)
    if (this.#forget() <= this.#pastMax) return
    this.#horizon = Math.ceil((this.#horizon + this.#epoch) / 2)
    this.#forget()
    this.#statesDropped++
  }

  attribute(record: FlowRecord): Attribution {
    const attribution = this.#attribute(record)
    if (record.endReason !== 'activeTimeout') this.#count(attribution, 1)
    return attribution
  }

  /** Call after the peers were read again; `before` is the record's first attribution. */
  attributeAgain(record: FlowRecord, before: Attribution): Attribution {
    if (record.endReason !== 'activeTimeout') this.#count(before, -1)
    return this.attribute(record)
  }

  /**
   * True if a new reading of the peers may change the attribution:
   * - the peer's endpoint is not known yet;
   * - the session opened after the last reading, and nobody holds its addresses;
   * - the session opened after the last reading, and its source is in a wide prefix, under which a new peer may have come.
   */
  isUncertain(record: FlowRecord, who: Attribution): boolean {
    if (who.peerPublicKey !== null && who.clientEndpoint === null) return true
    const { epoch, next } = this.#when(record)
    if (next !== null) return false
    if (who.unattributed === 'noMatch') return true
    const source = this.#peers.ownerOf(record.sourceIp, epoch, next)
    return source !== null && !source.hostRoute
  }

  /** True if a rule may hide, count or drop a session. */
  get hasLogRules(): boolean {
    return !this.#logRules.isEmpty
  }

  /** The rules of the catalog that was valid when the session opened, for both ends' clients; null if there are none. */
  collected(record: FlowRecord, who: Attribution): Collected | null {
    const rules = this.#logRules
    if (rules.isEmpty) return null
    const { sourceIp, destIp } = record
    const { epoch } = this.#when(record)
    const { source, dest } = this.#owners(record)
    const clientOf = (owner: Owner | null, ip: string) =>
      (owner === null ? null : this.#catalog.clientOfKey(owner.peer.publicKey, epoch)) ??
      this.#catalog.clientOfAddress(ip, epoch)
    const [sourceClient, destClient] = [clientOf(source, sourceIp), clientOf(dest, destIp)]
    const rule = together([
      rules.ofClient(who.clientId, epoch),
      rules.ofClient(sourceClient?.clientId ?? null, epoch),
      rules.ofClient(destClient?.clientId ?? null, epoch),
      rules.ofResource(who.siteResourceId, epoch),
      rules.ofAddress(sourceIp, epoch),
      rules.ofAddress(destIp, epoch),
    ])
    const clientIsDest = dest !== null || destClient !== null
    const clientIsSource = source !== null || sourceClient !== null || !clientIsDest
    return { ...rule, clientIsSource, clientIsDest }
  }

  /** The peer's client now, and the rules for its events: the client's, and the prefix rules for each allowed IP. */
  ofPeer(publicKey: string, allowedIps: readonly string[]): PeerOwner {
    const epoch = this.#epoch
    const addresses = allowedIps.map((prefix) => prefix.slice(0, prefix.lastIndexOf('/')))
    const hosts = addresses.filter((_, i) => /\/(32|128)$/.test(allowedIps[i]!))
    const client =
      this.#catalog.clientOfKey(publicKey, epoch) ??
      hosts.map((ip) => this.#catalog.clientOfAddress(ip, epoch)).find((found) => found !== null) ??
      null
    const rule = this.#logRules.isEmpty
      ? KEEP_ALL
      : together([
          this.#logRules.ofClient(client?.clientId ?? null, epoch),
          ...addresses.map((ip) => this.#logRules.ofAddress(ip, epoch)),
        ])
    return { clientId: client?.clientId ?? null, userId: client?.userId ?? null, rule }
  }

  /** The public keys of the peers that hold the source and the destination. */
  endsOf(record: FlowRecord): { source: string | null; dest: string | null } {
    const { source, dest } = this.#owners(record)
    return { source: source?.peer.publicKey ?? null, dest: dest?.peer.publicKey ?? null }
  }

  /** Remembered peers, present or gone; PeerTable bounds their number. */
  get identityCount(): number {
    return this.#peers.identityCount
  }

  counters(): AttributionCounters {
    return {
      peers: this.#peers.size,
      peersAdded: this.#peers.added,
      peersRemoved: this.#peers.removed,
      endpointChanges: this.#peers.endpointChanges,
      states: this.#states,
      statesDropped: this.#statesDropped,
      attributed: this.#attributed,
      unattributed: { ...this.#unattributed },
    }
  }

  #attribute(record: FlowRecord): Attribution {
    const { sourceIp, sourcePort, destIp, destPort, protocol } = record
    const { epoch } = this.#when(record)
    const { source, dest } = this.#owners(record)
    const catalog = this.#catalog
    const peer = source?.peer ?? dest?.peer ?? null
    const atSource = catalog.clientOfAddress(sourceIp, epoch)
    const atDest = catalog.clientOfAddress(destIp, epoch)
    const reached = source !== null && dest?.defaultRoute ? null : dest
    const ofSource = source === null ? null : catalog.clientOfKey(source.peer.publicKey, epoch)
    const ofDest = dest === null ? null : catalog.clientOfKey(dest.peer.publicKey, epoch)
    const client = (source === null ? ofDest : ofSource) ?? atSource ?? atDest
    const other = otherThan(client, (reached && ofDest) ?? atDest, ofSource ?? atSource)
    return {
      peerPublicKey: peer?.publicKey ?? null,
      clientEndpoint: peer?.endpointAt(epoch) ?? null,
      clientId: client?.clientId ?? null,
      userId: client?.userId ?? null,
      siteResourceId:
        catalog.resourceOf(destIp, destPort, protocol, epoch) ??
        (reached === null && atDest === null
          ? null
          : catalog.openerOf(sourceIp, sourcePort, protocol, epoch, {
              isClient: source !== null || atSource !== null,
            })),
      unattributed: client !== null ? null : this.#reason(peer !== null),
      otherClientId: other?.clientId ?? null,
      otherUserId: other?.userId ?? null,
      seenTwice: passesTwice(source, dest, other !== null),
    }
  }

  #reason(hasPeer: boolean): Reason {
    if (hasPeer) return 'unknownPeer'
    return this.#peers.wasRead || this.#catalog.hasClients ? 'noMatch' : 'noPeers'
  }

  #owners(record: FlowRecord): { source: Owner | null; dest: Owner | null } {
    const { epoch, next } = this.#when(record)
    return {
      source: this.#peers.ownerOf(record.sourceIp, epoch, next),
      dest: this.#peers.ownerOf(record.destIp, epoch, next),
    }
  }

  /** The record's epoch, but not before the horizon; and the epoch of the next reading of the peers, if there was one. */
  #when({ epoch }: FlowRecord): { epoch: number; next: number | null } {
    const known = Math.max(epoch, this.#horizon)
    const last = this.#readings.at(-1)
    if (last === undefined || last <= known) return { epoch: known, next: null }
    let low = 0
    let high = this.#readings.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#readings[middle]! > known) high = middle
      else low = middle + 1
    }
    return { epoch: known, next: this.#readings[low]! }
  }

  #forget(): number {
    const first = this.#readings.findIndex((reading) => reading > this.#horizon)
    // Keep the last reading: #when() and peersChanged() compare with it.
    this.#readings.splice(0, first < 0 ? this.#readings.length - 1 : first)
    return (
      this.#peers.forgetBefore(this.#horizon) +
      this.#catalog.forgetBefore(this.#horizon) +
      this.#logRules.forgetBefore(this.#horizon) +
      this.#readings.length
    )
  }

  #count({ unattributed }: Attribution, by: 1 | -1): void {
    if (unattributed === null) this.#attributed += by
    else this.#unattributed[unattributed as Reason] += by
  }
}

/** The first of `ends` that is a client other than `client`. */
function otherThan(
  client: ClientMatch | null,
  ...ends: readonly (ClientMatch | null)[]
): ClientMatch | null {
  return ends.find((end) => end !== null && end.clientId !== client?.clientId) ?? null
}

/**
 * True if the session goes from one peer to another. Null if it is unknown whether the session reaches the second peer,
 * or passes this host at all.
 */
function passesTwice(
  source: Owner | null,
  dest: Owner | null,
  otherIsClient: boolean,
): boolean | null {
  if (source !== null && dest !== null && source.peer !== dest.peer)
    return source.defaultRoute || dest.defaultRoute ? null : true
  return otherIsClient ? null : false
}
