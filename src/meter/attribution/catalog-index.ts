/** The catalog made searchable: clients by public key and address, resources by destination, port, protocol. */
import type { Catalog } from '../../session/catalog.js'
import type { Protocol } from '../../session/session.js'
import type { ClientMatch, PeerIdentity } from './peer-identity.js'
import { PrefixTable } from './prefix-table.js'

interface PortRule {
  readonly siteResourceId: number
  readonly protocol: Protocol | null
  readonly low: number
  readonly high: number
}

const ANY_PORT = { low: 0, high: 65535 } as const

export class CatalogIndex {
  readonly #byKey = new Map<string, ClientMatch>()
  readonly #byAddress = new PrefixTable<ClientMatch>()
  readonly #resources = new PrefixTable<PortRule[]>()
  /** Prefixes that the catalog gives to clients. */
  readonly clientPrefixes: readonly string[]

  /** With `siteId`, resources that the catalog restricts to another site are left out. */
  constructor(catalog: Catalog, siteId: number | null) {
    for (const { clientId, userId, publicKey, addresses } of catalog.clients) {
      const client = { clientId, userId: userId ?? null }
      if (publicKey != null) this.#byKey.set(publicKey, client)
      for (const prefix of addresses) this.#byAddress.insert(prefix, (before) => before ?? client)
    }
    this.clientPrefixes = catalog.clients.flatMap((client) => client.addresses)
    for (const resource of catalog.resources) {
      if (siteId !== null && resource.siteId != null && resource.siteId !== siteId) continue
      this.#resources.insert(resource.destination, (before = []) => [
        ...before,
        ...portRules(resource),
      ])
    }
  }

  get hasClients(): boolean {
    return this.#byKey.size > 0 || this.#byAddress.size > 0
  }

  /** Remembered at the peer, so that its sessions cost no search by key. */
  clientOf(peer: PeerIdentity): ClientMatch | null {
    if (peer.catalog !== this) {
      peer.catalog = this
      peer.client = this.#byKey.get(peer.publicKey) ?? null
    }
    return peer.client
  }

  clientOfAddress(ip: string): ClientMatch | null {
    return this.#byAddress.match(ip)
  }

  /**
   * The most specific resource: longest prefix, then a given protocol, then the narrowest port range, then the
   * lowest id. A longer prefix whose ports or protocol do not fit does not hide a shorter one that fits.
   */
  resourceOf(ip: string, port: number, protocol: Protocol): number | null {
    return this.#resources.firstMatch(ip, (rules) => mostSpecific(rules, port, protocol))
  }
}

function mostSpecific(rules: readonly PortRule[], port: number, protocol: Protocol): number | null {
  let best: PortRule | null = null
  for (const rule of rules) {
    if (port < rule.low || port > rule.high) continue
    if (rule.protocol !== null && rule.protocol !== protocol) continue
    if (best === null || moreSpecific(rule, best)) best = rule
  }
  return best?.siteResourceId ?? null
}

function moreSpecific(a: PortRule, b: PortRule): boolean {
  if ((a.protocol === null) !== (b.protocol === null)) return a.protocol !== null
  const width = a.high - a.low - (b.high - b.low)
  return width === 0 ? a.siteResourceId < b.siteResourceId : width < 0
}

function portRules(resource: Catalog['resources'][number]): PortRule[] {
  const { siteResourceId } = resource
  const protocol = resource.protocol ?? null
  const ranges = resource.ports.length === 0 ? [ANY_PORT] : resource.ports.map(portRange)
  return ranges.map(({ low, high }) => ({ siteResourceId, protocol, low, high }))
}

function portRange(port: number | string): { low: number; high: number } {
  if (typeof port === 'number') return { low: port, high: port }
  const [low = '', high = low] = port.split('-')
  return { low: Number(low), high: Number(high) }
}
