/** The names of an organisation's clients, users, resources and sites. */
import { z } from 'zod'
import { catalogSchema } from '../../../session/catalog.js'
import { catalogFaults } from '../../../session/catalog-faults.js'
import type { ServerContext } from '../context.js'
import { hasAlready, versionsWanted } from '../etags.js'
import { HttpError } from '../http.js'
import { orgParams, type Route, refuseFaulty, route } from '../route.js'

const MiB = 2 ** 20

export function catalogRoutes({ store, security }: ServerContext): Route[] {
  const path = '/api/v1/org/{orgId}/catalog'
  return [
    route({
      method: 'GET',
      path,
      tag: 'catalog',
      summary: 'The catalog; its version is the ETag',
      scopes: ['admin', 'read', 'ingest'],
      params: orgParams,
      headers: { 'If-None-Match': 'ETags that the client has; `*`: any.' },
      answerHeaders: { ETag: 'Of this version.' },
      statuses: { 304: 'The client has this version.' },
      answer: catalogSchema,
      handle: async ({ params, request, reply }) => {
        const { catalog, etag } = await store.catalog(params.orgId)
        reply.header('etag', `"${etag}"`).header('cache-control', 'no-cache')
        if (hasAlready(request.headers['if-none-match'], etag)) {
          await reply.code(304).send()
          return undefined
        }
        return catalog
      },
    }),
    route({
      method: 'PUT',
      path,
      tag: 'catalog',
      summary: 'Replace the catalog',
      description:
        'With If-Match only when the version is still that one (412 otherwise). Names of what is left out stay for old rows. Two entries with one id, public key or address are refused.',
      scopes: ['admin'],
      params: orgParams,
      body: catalogSchema,
      bodyBytesMax: 32 * MiB,
      headers: { 'If-Match': 'ETags, one of which must be that of the catalog; `*`: any.' },
      answerHeaders: { ETag: 'Of the new version.' },
      statuses: { 412: 'The catalog is not one that If-Match names.' },
      answer: z.object({ etag: z.string(), updatedAt: z.string() }),
      handle: async ({ params, body, key, request, reply }) => {
        refuseFaulty(catalogFaults(body))
        const ifMatch = versionsWanted(request.headers['if-match'])
        const version = await store.putCatalog(params.orgId, body, ifMatch)
        if (version === null)
          throw new HttpError(412, 'catalogChanged', 'the catalog has changed since; read it again')
        const { clients, users, sites, resources } = body
        security.write('catalogReplaced', request.ip, key, {
          of: params.orgId,
          clients: clients.length,
          users: users.length,
          sites: sites.length,
          resources: resources.length,
        })
        reply.header('etag', `"${version.etag}"`)
        return { etag: version.etag, updatedAt: version.updatedAt }
      },
    }),
  ]
}
