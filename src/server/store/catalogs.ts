/** Catalogs: the names that hold now. Settings and keys are not a store's: they stand in server/control. */
import type { Catalog } from '../../session/catalog.js'

export interface CatalogVersion {
  readonly catalog: Catalog
  readonly etag: string
  readonly updatedAt: string
}

/** An entry of the catalog. */
export interface CatalogEntry {
  readonly kind: 'client' | 'user' | 'resource' | 'site'
  readonly id: number | string
}

export interface EntryName {
  readonly name: string
  readonly email: string | null
  /** Until when the entry was called so; null: it still is, or was when it was removed. */
  readonly untilUs: number | null
}

export interface Catalogs {
  catalog(orgId: string): Promise<CatalogVersion>
  /** What an entry was called one after the other, also when it was removed; as far as sessions may need it. */
  namesOf(orgId: string, entry: CatalogEntry): Promise<readonly EntryName[]>
  /** @returns null when `ifMatch` is given and the current version is none of it. */
  putCatalog(
    orgId: string,
    catalog: Catalog,
    ifMatch?: readonly string[],
  ): Promise<CatalogVersion | null>
}
