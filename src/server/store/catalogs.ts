/** Catalogs: the names that hold now. Settings and keys are not a store's: they stand in server/control. */
import type { Catalog } from '../../session/catalog.js'

export interface CatalogVersion {
  readonly catalog: Catalog
  readonly etag: string
  readonly updatedAt: string
}

export interface Catalogs {
  catalog(orgId: string): Promise<CatalogVersion>
  /** @returns null when `ifMatch` is given and the current version is none of it. */
  putCatalog(
    orgId: string,
    catalog: Catalog,
    ifMatch?: readonly string[],
  ): Promise<CatalogVersion | null>
}
