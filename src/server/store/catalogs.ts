/** Catalogs: today's names, and former ones. Settings and keys are in server/control, not in a store. */
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
  /** The end of the name; null: the entry's current name, or its last one if it was removed. */
  readonly untilUs: number | null
}

export interface Catalogs {
  catalog(orgId: string): Promise<CatalogVersion>
  /** The names of an entry in order of time, also of a removed one, as long as sessions may need them. */
  namesOf(orgId: string, entry: CatalogEntry): Promise<readonly EntryName[]>
  /** @returns null if the current version is not one of `ifMatch` */
  putCatalog(
    orgId: string,
    catalog: Catalog,
    ifMatch?: readonly string[],
  ): Promise<CatalogVersion | null>
}
