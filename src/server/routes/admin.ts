/** Organisations, settings, catalog, keys, sites, backup, and signing in. */
import { basename, join } from 'node:path'
import { z } from 'zod'
import { siteViews } from '../../query/sites.js'
import { catalogSchema } from '../../session/catalog.js'
import { type KeyRecord, ORG_ID, RETENTION_DAYS_MAX } from '../../store/control.js'
import { COOKIE } from '../auth.js'
import type { ServerContext } from '../context.js'
import { HttpError } from '../http.js'
import { orgParams, type Route, route } from '../route.js'
import { keySchema, orgSchema, siteStatusSchema, whoSchema } from '../schemas.js'

const MiB = 2 ** 20
const KEYS_MAX = 1000
const COOKIE_SECONDS = 30 * 86400

export function adminRoutes(context: ServerContext): Route[] {
  return [
    ...sessionRoutes(context),
    ...orgRoutes(context),
    ...settingsRoutes(context),
    ...catalogRoutes(context),
    ...keyRoutes(context),
    sitesRoute(context),
    backupRoute(context),
  ]
}

function whoAmI({ clockMs, control }: ServerContext, key: KeyRecord) {
  const { scope, orgId, siteId, name, keyId, expiresAt } = key
  // A meter that may not read settings learns whether anything is stored at all.
  const retentionDays = orgId === null ? null : (control.org(orgId)?.retentionDays ?? 0)
  const serverTime = new Date(clockMs()).toISOString()
  return { scope, orgId, siteId, name, keyId, expiresAt, retentionDays, serverTime }
}

function sessionRoutes(context: ServerContext): Route[] {
  const { auth, secureCookie } = context
  const cookie = { httpOnly: true, sameSite: 'strict', path: '/', secure: secureCookie } as const
  return [
    route({
      method: 'GET',
      path: '/api/v1/key',
      tag: 'keys',
      summary: 'Who this key is, and the server’s clock',
      scopes: ['admin', 'read', 'ingest'],
      answer: whoSchema,
      handle: async ({ key }) => whoAmI(context, key!),
    }),
    route({
      method: 'POST',
      path: '/api/v1/login',
      tag: 'keys',
      summary: 'Trade a key for the dashboard’s cookie',
      scopes: null,
      body: z.strictObject({ key: z.string().min(1).max(128) }),
      answer: whoSchema,
      handle: async ({ body, request, reply }) => {
        const { key: presented } = body
        request.headers.authorization = `Bearer ${presented.replace(/\s/g, '') || '-'}`
        const key = auth.identify(request)
        if (key.scope === 'ingest')
          throw new HttpError(
            403,
            'forbidden',
            'an ingest key only sends; sign in with a read, admin or root key',
          )
        reply.setCookie(COOKIE, presented, { ...cookie, maxAge: COOKIE_SECONDS })
        return whoAmI(context, key)
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/logout',
      tag: 'keys',
      summary: 'Forget the cookie',
      scopes: null,
      answer: z.null(),
      handle: async ({ reply }) => {
        reply.clearCookie(COOKIE, cookie)
        return null
      },
    }),
  ]
}

function orgRoutes({ control }: ServerContext): Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/orgs',
      tag: 'organisations',
      summary: 'Organisations that this key may see',
      scopes: ['admin', 'read'],
      answer: z.object({ orgs: z.array(orgSchema) }),
      handle: async ({ key }) => ({
        orgs: control.orgs().filter((o) => key!.scope === 'root' || o.orgId === key!.orgId),
      }),
    }),
    route({
      method: 'POST',
      path: '/api/v1/orgs',
      tag: 'organisations',
      summary: 'Create an organisation',
      scopes: [],
      status: 201,
      body: z.strictObject({
        orgId: z.string().regex(ORG_ID, 'expected letters, digits, - and _, at most 63'),
        name: z.string().min(1).max(255).nullish(),
      }),
      answer: orgSchema,
      handle: async ({ body }) => {
        if (control.org(body.orgId) !== undefined) {
          throw new HttpError(409, 'exists', `organisation "${body.orgId}" exists`)
        }
        return control.putOrg(body.orgId, { name: body.name ?? null })
      },
    }),
  ]
}

const settingsSchema = z.strictObject({
  retentionDays: z.int().min(-1).max(RETENTION_DAYS_MAX).meta({
    description: 'Days that sessions are kept; 0: nothing is stored (the default); -1: for ever.',
  }),
})

function settingsRoutes({ control, retentionChanged }: ServerContext): Route[] {
  const path = '/api/v1/org/{orgId}/settings'
  return [
    route({
      method: 'GET',
      path,
      tag: 'settings',
      summary: 'Settings',
      scopes: ['admin', 'read'],
      params: orgParams,
      answer: settingsSchema,
      handle: async ({ params }) => ({
        retentionDays: control.org(params.orgId)?.retentionDays ?? 0,
      }),
    }),
    route({
      method: 'PUT',
      path,
      tag: 'settings',
      summary: 'Change settings',
      description: 'A shorter retention deletes within ten minutes; 0 stops storing at once.',
      scopes: ['admin'],
      params: orgParams,
      body: settingsSchema,
      answer: settingsSchema,
      handle: async ({ params, body }) => {
        const { retentionDays } = await control.putOrg(params.orgId, body)
        retentionChanged(params.orgId)
        return { retentionDays }
      },
    }),
  ]
}

function catalogRoutes({ store }: ServerContext): Route[] {
  const path = '/api/v1/org/{orgId}/catalog'
  return [
    route({
      method: 'GET',
      path,
      tag: 'catalog',
      summary: 'The catalog; its version is the ETag',
      scopes: ['admin', 'read', 'ingest'],
      params: orgParams,
      answer: catalogSchema,
      handle: async ({ params, request, reply }) => {
        const { catalog, etag } = await store.catalog(params.orgId)
        reply.header('etag', `"${etag}"`).header('cache-control', 'no-cache')
        if (request.headers['if-none-match'] === `"${etag}"`) {
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
        'With If-Match only when the version is still that one (412 otherwise). Names of what is left out stay for old rows.',
      scopes: ['admin'],
      params: orgParams,
      body: catalogSchema,
      bodyBytesMax: 32 * MiB,
      answer: z.object({ etag: z.string(), updatedAt: z.string() }),
      handle: async ({ params, body, request, reply }) => {
        const match = request.headers['if-match']
        const ifMatch =
          match === undefined || match === '*' ? undefined : match.replace(/^(W\/)?"|"$/g, '')
        const version = await store.putCatalog(params.orgId, body, ifMatch)
        if (version === null)
          throw new HttpError(412, 'catalogChanged', 'the catalog has changed since; read it again')
        reply.header('etag', `"${version.etag}"`)
        return { etag: version.etag, updatedAt: version.updatedAt }
      },
    }),
  ]
}

const newKeySchema = z.strictObject({
  scope: z.enum(['admin', 'read', 'ingest']),
  siteId: z.int().min(1).max(Number.MAX_SAFE_INTEGER).nullish(),
  name: z.string().trim().min(1).max(100),
  expiresAt: z.iso.datetime({ offset: true }).nullish(),
})

function shownKey({ hash: _, ...shown }: KeyRecord): Omit<KeyRecord, 'hash'> {
  return shown
}

function keyRoutes({ control, clockMs }: ServerContext): Route[] {
  const path = '/api/v1/org/{orgId}/keys'
  return [
    route({
      method: 'GET',
      path,
      tag: 'keys',
      summary: 'Keys of the organisation, revoked ones too; never the key itself',
      scopes: ['admin'],
      params: orgParams,
      answer: z.object({ keys: z.array(keySchema) }),
      handle: async ({ params }) => ({ keys: control.keys(params.orgId).map(shownKey) }),
    }),
    route({
      method: 'POST',
      path,
      tag: 'keys',
      summary: 'Create a key; the answer is the only place that shows it',
      scopes: ['admin'],
      status: 201,
      params: orgParams,
      body: newKeySchema,
      answer: keySchema.extend({ key: z.string() }),
      handle: async ({ params, body }) => {
        const { scope, name } = body
        const siteId = body.siteId ?? null
        if ((scope === 'ingest') !== (siteId !== null)) {
          throw new HttpError(
            400,
            'badRequest',
            'siteId: ingest keys need one, other keys have none',
          )
        }
        if (body.expiresAt && Date.parse(body.expiresAt) <= clockMs()) {
          throw new HttpError(400, 'badRequest', 'expiresAt: must be in the future')
        }
        if (control.keys(params.orgId).filter((k) => k.revokedAt === null).length >= KEYS_MAX) {
          throw new HttpError(
            409,
            'tooManyKeys',
            `an organisation has at most ${KEYS_MAX} keys; revoke some`,
          )
        }
        const expiresAt = body.expiresAt ?? null
        const { key, record } = await control.createKey({
          scope,
          orgId: params.orgId,
          siteId,
          name,
          expiresAt,
        })
        return { ...shownKey(record), key }
      },
    }),
    route({
      method: 'DELETE',
      path: `${path}/{keyId}`,
      tag: 'keys',
      summary: 'Revoke a key, at once and for good',
      scopes: ['admin'],
      params: orgParams.extend({ keyId: z.string().max(32) }),
      answer: keySchema,
      handle: async ({ params }) => {
        const known = control.key(params.keyId)
        if (known === undefined || known.orgId !== params.orgId) {
          throw new HttpError(
            404,
            'noKey',
            `there is no key "${params.keyId}" in this organisation`,
          )
        }
        return shownKey((await control.revokeKey(params.keyId))!)
      },
    }),
  ]
}

function sitesRoute({ store, control, clockMs }: ServerContext): Route {
  return route({
    method: 'GET',
    path: '/api/v1/org/{orgId}/sites',
    tag: 'sites',
    summary:
      'Each site and its meters: last report, lag, spool, drops, gaps, and what is wrong in words',
    scopes: ['admin', 'read'],
    params: orgParams,
    answer: z.object({ sites: z.array(siteStatusSchema), serverTime: z.string() }),
    handle: async ({ params: { orgId } }) => {
      const [meters, { catalog }] = await Promise.all([store.meters(orgId), store.catalog(orgId)])
      const nowMs = clockMs()
      return {
        sites: siteViews(meters, control.keys(orgId), catalog.sites, nowMs),
        serverTime: new Date(nowMs).toISOString(),
      }
    },
  })
}

function backupRoute({ store, control, dataDirectory, clockMs }: ServerContext): Route {
  return route({
    method: 'POST',
    path: '/api/v1/backup',
    tag: 'operation',
    summary: 'Write a consistent copy of everything below the data directory',
    scopes: [],
    answer: z.object({ directory: z.string() }),
    handle: async () => {
      const name = new Date(clockMs()).toISOString().replace(/[:.]/g, '-')
      const directory = join(dataDirectory, 'backups', basename(name))
      await store.backup(directory)
      await control.backup(join(directory, 'control.mdb'))
      return { directory }
    },
  })
}
