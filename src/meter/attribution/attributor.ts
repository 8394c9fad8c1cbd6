/**
 * Attributes a session to a peer, client, user and resource, by the state that held when it opened.
 *
 * - The peer is the one whose allowed IPs hold the source (longest prefix); if none does, the one that holds the
 *   destination: the session was opened by the resource towards a client. With both ends inside peers
 *   (hub-and-spoke) it is the initiator's peer.
 * - The client is the catalog's with that peer's public key; else, and where there are no peers, the one whose
 *   `addresses` hold the source, then the destination.
 * - The other client is the one at the other end, looked up in the same way.
 * - The resource is the catalog's for the destination, port and protocol; of a session that came to a client, the one
 *   that opened it (see CatalogIndex): by its port alone where that end is a client, too.
 * - From one peer to another a packet passes the interface twice. A /0 says nothing of where a packet goes: what it alone
 *   holds may be for a host of this network. So nobody is reached by it, and whether such a session passes twice is not known.
 *
 * States are counted: an epoch begins before the peers are read, and with each catalog. The engine stamps a session
 * with the epoch that it opened in, so what a session is given does not depend on when it is asked for, nor on any
 * clock. What an epoch needs is kept until no session of it is open (`forgetBefore`).
 */
import type { CatalogLists } from '../../session/catalog.js'
import type { Attribution, FlowRecord, UnattributedReason } from '../../session/session.js'
import type { PeerSnapshot } from '../wireguard/device.js'
import { CatalogIndex, type ClientMatch } from './catalog-index.js'
import { KEEP_ALL, type LogRule, LogRules, together } from './log-rules.js'
import { type Owner, PeerTable } from './peer-table.js'

export interface AttributorOptions {
  /** Owners and readings of the past that are kept for sessions that are open; beyond it the older half goes. */
  readonly pastMax?: number
  /** The site this meter stands at; resources of other sites are left out. */
  readonly siteId?: number | null
}

type Reason = Exclude<UnattributedReason, 'historyLost'>

export interface AttributionCounters {
  readonly peers: number
  readonly peersAdded: number
  readonly peersRemoved: number
  /** Peers whose outer address changed. */
  readonly endpointChanges: number
  /** States of allowed IPs since the start. */
  readonly states: number
  /** How often the bound of the past was met. */
  readonly statesDropped: number
  readonly attributed: number
  readonly unattributed: Readonly<Record<Reason, number>>
}

/** What is kept of a session, and the ends that are a client's: whose address and port its field rules are about. */
export interface Collected extends LogRule {
  readonly clientIsSource: boolean
  readonly clientIsDest: boolean
}

export interface PeerOwner {
  readonly clientId: number | null
  readonly userId: string | null
  readonly rule: LogRule
}

/** About 100 MiB. */
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
  /** The epochs at whose beginning the peers were read, ascending. */
  #readings: number[] = []
  #readingEpoch = 0
  #hasCatalog = false
  /** The oldest epoch that is known. */
  #horizon = 0
  #states = 0
  #statesDropped = 0
  #attributed = 0

  constructor(options: AttributorOptions = {}) {
    this.#pastMax = options.pastMax ?? PAST_MAX_DEFAULT
    this.#catalog = new CatalogIndex(options.siteId ?? null)
  }

  /** Sessions that open from now on belong to it. */
  get epoch(): number {
    return this.#epoch
  }

  /** The peers are about to be read: a session that opens before that had its owner by the time of this reading. */
  beginReading(): number {
    this.#readingEpoch = ++this.#epoch
    return this.#epoch
  }

  /** True when an allowed IP changed owner, came or went: `insidePrefixes` has changed then. */
  peersChanged({ device }: Pick<PeerSnapshot, 'device'>): boolean {
    // Nothing is known against the first state: it held before.
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

  /** The clients' side of the tunnel: all allowed IPs, and the catalog's client addresses. */
  insidePrefixes(): string[] {
    return [...this.#peers.prefixes, ...this.#catalog.clientPrefixes]
  }

  /** No records will come of sessions that began before this epoch. */
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

  /** After the peers were read again; `before` is what the record was given first. */
  attributeAgain(record: FlowRecord, before: Attribution): Attribution {
    if (record.endReason !== 'activeTimeout') this.#count(before, -1)
    return this.attribute(record)
  }

  /**
   * Whether reading the peers anew may tell more: of a peer whose endpoint is not known yet, and of what opened since
   * they were read when it is nobody's, or of a peer with a wide prefix under which another may have come.
   */
  isUncertain(record: FlowRecord, who: Attribution): boolean {
    if (who.peerPublicKey !== null && who.clientEndpoint === null) return true
    const { epoch, next } = this.#when(record)
    if (next !== null) return false
    if (who.unattributed === 'noMatch') return true
    const source = this.#peers.ownerOf(record.sourceIp, epoch, next)
    return source !== null && !source.hostRoute
  }

  /** Some sessions are not kept as they were metered. */
  get hasLogRules(): boolean {
    return !this.#logRules.isEmpty
  }

  /** By the catalog that held when it opened; null: no catalog has rules. Those of all clients at either end hold. */
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

  /** Whose a peer is now, and what is kept of it: also by rules of prefixes, for each of its allowed IPs. */
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

  /** The peers that hold the two ends, by public key. */
  endsOf(record: FlowRecord): { source: string | null; dest: string | null } {
    const { source, dest } = this.#owners(record)
    return { source: source?.peer.publicKey ?? null, dest: dest?.peer.publicKey ?? null }
  }

  /** Peers that are remembered, present or gone: bounded. */
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

  /** Its epoch, and that of the next reading, if there was one. */
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
    // The last one stays: it is the one to compare with.
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

/** The first of these that is another client. */
function otherThan(
  client: ClientMatch | null,
  ...ends: readonly (ClientMatch | null)[]
): ClientMatch | null {
  return ends.find((end) => end !== null && end.clientId !== client?.clientId) ?? null
}

/** From one peer to another; null: it cannot be known whether it goes to the second one, or through this host at all. */
function passesTwice(
  source: Owner | null,
  dest: Owner | null,
  otherIsClient: boolean,
): boolean | null {
  if (source !== null && dest !== null && source.peer !== dest.peer)
    return source.defaultRoute || dest.defaultRoute ? null : true
  return otherIsClient ? null : false
}
