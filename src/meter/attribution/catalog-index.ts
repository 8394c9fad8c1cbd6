/** Indexes the catalog, by epoch: clients by public key and address, resources by destination, port and protocol. */
import type { CatalogLists } from '../../session/catalog.js'
import type { Protocol } from '../../session/session.js'
import { PortTable } from './port-table.js'
import { PrefixTimelines } from './prefix-timelines.js'
import { Timeline } from './timeline.js'

/** The client that a peer or an address belongs to. */
export interface ClientMatch {
  readonly clientId: number
  readonly userId: string | null
}

type Resource = CatalogLists['resources'] extends Iterable<infer T> ? T : never

/** RFC 959: the data connections of a server at port 21 come from port 20. */
const FTP_CONTROL = 21
const FTP_DATA = 20

export class CatalogIndex {
  readonly #siteId: number | null
  readonly #byKey = new Map<string, Timeline<ClientMatch>>()
  readonly #byAddress = new PrefixTimelines<ClientMatch>(sameClient)
  readonly #resources = new PrefixTimelines<PortTable>((a, b) => a.sameRules(b))
  #clientPrefixes: readonly string[] = []
  #keys = 0

  /** @param siteId if not null, resources that the catalog restricts to another site are left out */
  constructor(siteId: number | null) {
    this.#siteId = siteId
  }

  /** Prefixes that the catalog gives to clients. */
  get clientPrefixes(): readonly string[] {
    return this.#clientPrefixes
  }

  get hasClients(): boolean {
    return this.#keys > 0 || this.#byAddress.size > 0
  }

  replace({ clients, resources }: CatalogLists, epoch: number): void {
    const prefixes: string[] = []
    const keyed: Timeline<ClientMatch>[] = []
    this.#byAddress.replace(epoch, (add) => {
      for (const { clientId, userId = null, publicKey, addresses } of clients) {
        // Both indexes share one object, which saves memory.
        const client = { clientId, userId }
        if (publicKey != null) this.#addKey(publicKey, client, epoch, keyed)
        for (const prefix of addresses) {
          add(prefix, (before) => before ?? client)
          prefixes.push(prefix)
        }
      }
    })
    this.#clientPrefixes = prefixes
    for (const timeline of this.#byKey.values())
      if (keyed[timeline.slot] !== timeline) timeline.set(null, epoch)
    this.#keys = keyed.length
    this.#resources.replace(epoch, (add) => {
      for (const resource of resources) {
        const { siteId = null, destination } = resource
        if (this.#siteId !== null && siteId !== null && siteId !== this.#siteId) continue
        add(destination, (rules = new PortTable()) => {
          addRules(rules, resource)
          return rules
        })
      }
    })
  }

  clientOfKey(publicKey: string, epoch: number): ClientMatch | null {
    return this.#byKey.get(publicKey)?.at(epoch) ?? null
  }

  clientOfAddress(ip: string, epoch: number): ClientMatch | null {
    return this.#byAddress.firstMatch(ip, (timeline) => timeline.at(epoch))
  }

  /**
   * The most specific resource: longest prefix, then a given protocol, then the narrowest port range, then the
   * lowest id. A longer prefix whose ports or protocol do not fit does not hide a shorter one that fits.
   */
  resourceOf(ip: string, port: number, protocol: Protocol, epoch: number): number | null {
    return this.#resources.firstMatch(
      ip,
      (timeline) => timeline.at(epoch)?.resourceOf(port, protocol) ?? null,
    )
  }

  /**
   * The resource that opened a session: the resource at the source port (an FTP data connection from port 20 belongs to
   * the resource at port 21). For any other port, the resource at the address and protocol if there is only one, because
   * nothing tells several apart. A client opens sessions of its own from any port, so its address and protocol alone name
   * no resource.
   */
  openerOf(
    ip: string,
    port: number,
    protocol: Protocol,
    epoch: number,
    { isClient }: { readonly isClient: boolean },
  ): number | null {
    const byPort =
      this.resourceOf(ip, port, protocol, epoch) ??
      (port === FTP_DATA ? this.resourceOf(ip, FTP_CONTROL, protocol, epoch) : null)
    if (byPort !== null || isClient) return byPort
    return this.#resources.firstMatch(ip, (timeline) => timeline.at(epoch)?.only(protocol) ?? null)
  }

  /** @returns how many past values are left */
  forgetBefore(epoch: number): number {
    let past = this.#byAddress.forgetBefore(epoch) + this.#resources.forgetBefore(epoch)
    for (const [key, timeline] of this.#byKey) {
      if (!timeline.forgetBefore(epoch)) this.#byKey.delete(key)
      past += timeline.pastCount
    }
    return past
  }

  /** @param keyed the timelines of the new state so far, each at its slot */
  #addKey(key: string, client: ClientMatch, epoch: number, keyed: Timeline<ClientMatch>[]): void {
    let timeline = this.#byKey.get(key)
    // The first client with this key wins, as with addresses.
    if (timeline !== undefined && keyed[timeline.slot] === timeline) return
    if (timeline === undefined) {
      timeline = new Timeline(client, epoch)
      this.#byKey.set(key, timeline)
    } else if (timeline.latest === null || !sameClient(timeline.latest, client))
      timeline.set(client, epoch)
    timeline.slot = keyed.push(timeline) - 1
  }
}

function sameClient(a: ClientMatch, b: ClientMatch): boolean {
  return a.clientId === b.clientId && a.userId === b.userId
}

function addRules(rules: PortTable, resource: Resource): void {
  const { siteResourceId, protocol = null, ports } = resource
  if (ports.length === 0) rules.add({ siteResourceId, protocol, low: 0, high: 65535 })
  for (const port of ports) rules.add({ siteResourceId, protocol, ...portRange(port) })
}

function portRange(port: number | string): { low: number; high: number } {
  if (typeof port === 'number') return { low: port, high: port }
  const [low = '', high = low] = port.split('-')
  return { low: Number(low), high: Number(high) }
}
