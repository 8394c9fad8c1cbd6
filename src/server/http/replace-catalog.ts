/** Replaces the catalog, and names in the audit trail which version was replaced: each version follows another one. */
import type { FastifyRequest } from 'fastify'
import type { Catalog } from '../../session/catalog.js'
import { catalogChanges, changesInShort } from '../../session/catalog-changes.js'
import type { KeyRecord } from '../control/control.js'
import type { CatalogVersion } from '../store/store.js'
import type { ServerContext } from './context.js'
import { HttpError } from './http.js'

/** Each failure means that another request replaced the catalog meanwhile. */
const TRIES_MAX = 20

interface By {
  readonly orgId: string
  readonly key: KeyRecord | null
  readonly request: Pick<FastifyRequest, 'ip'>
}

/**
 * @param changed makes the new catalog of the current version, or null: there is nothing to change
 * @param isNamed false: the trail has the versions only, because the change forgets a person
 * @throws HttpError 409 catalogChanged
 */
export async function replaceCatalog(
  { store, security }: Pick<ServerContext, 'store' | 'security'>,
  { orgId, key, request }: By,
  changed: (current: CatalogVersion) => Catalog | null,
  isNamed = true,
): Promise<CatalogVersion | null> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const before = await store.catalog(orgId)
    const catalog = changed(before)
    if (catalog === null) return null
    const version = await store.putCatalog(orgId, catalog, [before.etag])
    if (version === null) continue
    await security.done('catalogReplaced', request.ip, key, {
      ...{ of: orgId, etag: version.etag, before: before.etag },
      ...(isNamed && changesInShort(catalogChanges(before.catalog, catalog))),
    })
    return version
  }
  const message = 'the catalog was changed meanwhile; send the request again'
  throw new HttpError(409, 'catalogChanged', message)
}
