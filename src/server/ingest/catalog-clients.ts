/**
 * The catalog's clients by address, for sessions that no meter attributed: access logs name addresses only. The longest
 * prefix decides, and of equal ones the first.
 */
import { LRUCache } from 'lru-cache'
import { maskOf, parseAddress, parsePrefix } from '../../session/address.js'
import type { Catalog } from '../../session/catalog.js'
import type { CatalogVersion } from '../store/store.js'

/** Of this many organisations the clients are kept, so that not each access log reads its catalog. */
const ORGS_MAX = 100

export interface CatalogClient {
  readonly clientId: number
  readonly userId: string | null
}

export class CatalogClients {
  readonly #byPrefix = new Map<string, CatalogClient>()
  /** The lengths of the prefixes of each family, the longest first. */
  readonly #lengths: Readonly<Record<4 | 6, readonly number[]>>
  readonly #words = new Uint32Array(4)

  constructor({ clients }: Pick<Catalog, 'clients'>) {
    const lengths = { 4: new Set<number>(), 6: new Set<number>() }
    for (const { clientId, userId = null, addresses } of clients) {
      for (const text of addresses) {
        const prefix = parsePrefix(text)
        if (prefix === null) continue
        const { family, length, words } = prefix
        lengths[family].add(length)
        const key = keyOf(family, length, words)
        if (!this.#byPrefix.has(key)) this.#byPrefix.set(key, { clientId, userId })
      }
    }
    const longestFirst = (family: 4 | 6) => [...lengths[family]].sort((a, b) => b - a)
    this.#lengths = { 4: longestFirst(4), 6: longestFirst(6) }
  }

  at(ip: string): CatalogClient | null {
    const family = parseAddress(ip, this.#words)
    if (family === 0) return null
    for (const length of this.#lengths[family]) {
      const client = this.#byPrefix.get(keyOf(family, length, this.#words))
      if (client !== undefined) return client
    }
    return null
  }
}

/** The clients of each organisation's present catalog. */
export class KnownClients {
  readonly #catalogOf: (orgId: string) => Promise<CatalogVersion>
  readonly #known = new LRUCache<string, { etag: string; clients: CatalogClients }>({
    max: ORGS_MAX,
  })

  constructor(catalogOf: (orgId: string) => Promise<CatalogVersion>) {
    this.#catalogOf = catalogOf
  }

  async of(orgId: string): Promise<CatalogClients> {
    const { catalog, etag } = await this.#catalogOf(orgId)
    const known = this.#known.get(orgId)
    if (known?.etag === etag) return known.clients
    const clients = new CatalogClients(catalog)
    this.#known.set(orgId, { etag, clients })
    return clients
  }
}

function keyOf(family: 4 | 6, length: number, words: ArrayLike<number>): string {
  let key = `${family}/${length}`
  const count = family === 4 ? 1 : 4
  for (let i = 0; i < count; i++) key += `/${((words[i] ?? 0) & maskOf(length - 32 * i)) >>> 0}`
  return key
}
