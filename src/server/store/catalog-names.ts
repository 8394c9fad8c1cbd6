/** A catalog's names, and its version: the same for every engine. */
import { createHash } from 'node:crypto'
import type { Catalog } from '../../session/catalog.js'
import type { CatalogEntry } from './catalogs.js'

/** The most former names kept of an entry. */
export const PAST_NAMES_MAX = 10

export function etagOf(catalog: Catalog): string {
  return createHash('sha256').update(JSON.stringify(catalog)).digest('base64url').slice(0, 22)
}

/** The names of a catalog's entries of one kind. */
export interface NamesOfKind {
  readonly kind: CatalogEntry['kind']
  /** Users have an email. An id may come twice; the last one counts. */
  readonly rows: readonly { id: number | string; name: string; email?: string | null }[]
}

export function namesIn(catalog: Catalog): NamesOfKind[] {
  return [
    {
      kind: 'client',
      rows: catalog.clients.map((c) => ({ id: c.clientId, name: c.name })),
    },
    {
      kind: 'user',
      rows: catalog.users.map((u) => ({ id: u.userId, name: u.name, email: u.email ?? null })),
    },
    {
      kind: 'resource',
      rows: catalog.resources.map((r) => ({ id: r.siteResourceId, name: r.name })),
    },
    {
      kind: 'site',
      rows: catalog.sites.map((s) => ({ id: s.siteId, name: s.name })),
    },
  ]
}
