/** The names of an organisation's clients, users, resources and sites. */
import { z } from 'zod'
import { type Catalog, catalogSchema } from '../../../session/catalog.js'
import { CATALOG_LISTS, catalogChanges, isEmptyCatalog } from '../../../session/catalog-changes.js'
import { catalogFaults } from '../../../session/catalog-faults.js'
import { isPlainText, PLAIN_TEXT } from '../../../session/plain-text.js'
import { boolean, timeUs } from '../../query/parameters.js'
import type { CatalogEntry } from '../../store/store.js'
import { noteNames } from '../audited.js'
import type { ServerContext } from '../context.js'
import { hasAlready, versionsWanted } from '../etags.js'
import { HttpError } from '../http.js'
import { replaceCatalog } from '../replace-catalog.js'
import { orgParams, type Route, refuseFaulty, route } from '../route.js'
import { namesSchema } from '../schemas.js'

const MiB = 2 ** 20

const entry = z.object({ id: z.union([z.int(), z.string()]), name: z.string() })
const listChangesSchema = z.object({
  added: z.array(entry),
  removed: z.array(entry),
  changed: z.array(entry.extend({ was: z.string(), fields: z.array(z.string()) })),
})
const putCatalogAnswer = z.object({
  etag: z.string(),
  updatedAt: z.string(),
  changes: z
    .object({
      clients: listChangesSchema,
      users: listChangesSchema,
      sites: listChangesSchema,
      resources: listChangesSchema,
      prefixes: listChangesSchema,
    })
    .nullable()
    .meta({ description: 'With dryRun: the changes that the replacement would make; else null.' }),
})

const namesQuery = z.strictObject({
  at: timeUs.optional().meta({ description: 'A time, such as a session’s start; default now.' }),
  clientId: z.coerce.number().pipe(z.int().min(1)).optional(),
  userId: z.string().min(1).max(255).refine(isPlainText, PLAIN_TEXT).optional(),
  siteResourceId: z.coerce.number().pipe(z.int().min(1)).optional(),
  siteId: z.coerce.number().pipe(z.int().min(1)).optional(),
})

const changed = () =>
  new HttpError(412, 'catalogChanged', 'the catalog has changed meanwhile; read it again')

export function catalogRoutes(context: ServerContext): Route[] {
  const { store } = context
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
      answerHeaders: { ETag: 'The ETag of this version.' },
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
    namesRoute(context),
    route({
      method: 'PUT',
      path,
      tag: 'catalog',
      summary: 'Replace the catalog',
      description:
        'With If-Match, the header must name the current version (412 otherwise). Former names, and names of removed entries, stay as long as sessions of their time are stored. Two entries with the same id, public key or address are refused.',
      scopes: ['admin'],
      params: orgParams,
      query: z.strictObject({
        dryRun: boolean.default(false).meta({
          description: 'Changes nothing; etag and updatedAt are those of the current catalog.',
        }),
        allowEmpty: boolean
          .default(false)
          .meta({ description: 'An empty catalog may replace one with entries.' }),
      }),
      body: catalogSchema,
      bodyBytesMax: 32 * MiB,
      headers: { 'If-Match': 'ETags; the catalog must have one of them. `*`: any.' },
      answerHeaders: { ETag: 'The ETag of the new version.' },
      statuses: {
        409: 'Others replaced the catalog all the while.',
        412: 'The catalog has none of the ETags in If-Match.',
      },
      answer: putCatalogAnswer,
      handle: async ({ params, query, body, key, request, reply }) => {
        refuseFaulty(catalogFaults(body))
        const ifMatch = versionsWanted(request.headers['if-match'])
        if (query.dryRun || (isEmptyCatalog(body) && !query.allowEmpty)) {
          const { catalog, etag, updatedAt } = await store.catalog(params.orgId)
          if (ifMatch !== undefined && !ifMatch.includes(etag)) throw changed()
          if (!query.allowEmpty) refuseToEmpty(catalog, body)
          if (query.dryRun) return { etag, updatedAt, changes: catalogChanges(catalog, body) }
        }
        const by = { orgId: params.orgId, key, request }
        const version = await replaceCatalog(context, by, ({ etag }) => {
          if (ifMatch !== undefined && !ifMatch.includes(etag)) throw changed()
          return body
        })
        const { etag, updatedAt } = version!
        reply.header('etag', `"${etag}"`)
        return { etag, updatedAt, changes: null }
      },
    }),
  ]
}

/** Names at a former time; rows of the log have today's names. */
function namesRoute(context: ServerContext): Route {
  const { store } = context
  return route({
    method: 'GET',
    path: '/api/v1/org/{orgId}/catalog/names',
    tag: 'catalog',
    summary: 'Names of clients, users, resources and sites at a time',
    description:
      'Rows of the log have today’s names. null: there is no such entry, and no stored session needs its name.',
    scopes: ['admin', 'read'],
    params: orgParams,
    query: namesQuery,
    answer: namesSchema,
    handle: async ({ params: { orgId }, query, key, request }) => {
      const { at, clientId, userId, siteResourceId, siteId } = query
      const then = async (kind: CatalogEntry['kind'], id: number | string | undefined) => {
        const names = id === undefined ? [] : await store.namesOf(orgId, { kind, id })
        return names.find(({ untilUs }) => untilUs === null || (at !== undefined && untilUs > at))
      }
      const user = await then('user', userId)
      const client = await then('client', clientId)
      const rows = [user, client].filter((one) => one !== undefined).length
      noteNames(context, orgId, { clientId, userId }, { key, request, rows })
      return {
        clientName: client?.name ?? null,
        userName: user?.name ?? null,
        userEmail: user?.email ?? null,
        resourceName: (await then('resource', siteResourceId))?.name ?? null,
        siteName: (await then('site', siteId))?.name ?? null,
      }
    },
  })
}

/** Refuses to remove all names, which is mostly a mistake. @throws HttpError 400 */
function refuseToEmpty(before: Catalog, after: Catalog): void {
  if (!isEmptyCatalog(after) || isEmptyCatalog(before)) return
  const had = CATALOG_LISTS.map((list) => `${before[list]?.length ?? 0} ${list}`).join(', ')
  throw new HttpError(
    400,
    'catalogEmpty',
    `the body has no entries, and the catalog has ${had}; to empty it, send allowEmpty=true`,
  )
}
