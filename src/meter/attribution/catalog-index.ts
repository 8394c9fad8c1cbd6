/** The catalog made searchable: clients by public key and address, resources by destination, port, protocol. */
import type { Catalog } from '../../session/catalog.js'
import type { Protocol } from '../../session/session.js'
import type { ClientMatch, PeerIdentity } from './peer-identity.js'
import { PortTable } from './port-table.js'
import { PrefixTable } from './prefix-table.js'

export class CatalogIndex {
  readonly #byKey = new Map<string, ClientMatch>()
  readonly #byAddress = new PrefixTable<ClientMatch>()
  readonly #resources = new PrefixTable<PortTable>()
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
      this.#resources.insert(resource.destination, (rules = new PortTable()) => {
        addRules(rules, resource)
        return rules
      })
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
    return this.#resources.firstMatch(ip, (rules) => rules.resourceOf(port, protocol))
  }
}

function addRules(rules: PortTable, resource: Catalog['resources'][number]): void {
  const { siteResourceId, protocol = null, ports } = resource
  if (ports.length === 0) rules.add({ siteResourceId, protocol, low: 0, high: 65535 })
  for (const port of ports) rules.add({ siteResourceId, protocol, ...portRange(port) })
}

function portRange(port: number | string): { low: number; high: number } {
  if (typeof port === 'number') return { low: port, high: port }
  const [low = '', high = low] = port.split('-')
  return { low: Number(low), high: Number(high) }
}
