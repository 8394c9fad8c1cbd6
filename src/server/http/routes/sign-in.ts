/** Describes the key of a request, and trades a key for a session of the dashboard. */
import { z } from 'zod'
import type { KeyRecord } from '../../control/control.js'
import type { ServerContext } from '../context.js'
import { type Route, route } from '../route.js'
import { whoSchema } from '../schemas.js'

function whoAmI({ clockMs, control, version }: ServerContext, key: KeyRecord) {
  const { scope, orgId, siteId, name, keyId, expiresAt } = key
  // Ingest keys cannot read settings, but a meter needs to know whether its sessions are stored.
  const retentionDays = orgId === null ? null : (control.org(orgId)?.retentionDays ?? 0)
  const serverTime = new Date(clockMs()).toISOString()
  return { scope, orgId, siteId, name, keyId, expiresAt, retentionDays, serverTime, version }
}

export function signInRoutes(context: ServerContext): Route[] {
  const { auth } = context
  return [
    route({
      method: 'GET',
      path: '/api/v1/key',
      tag: 'keys',
      summary: 'The key’s scope, organisation, site and retention, and the server’s clock',
      scopes: ['admin', 'read', 'ingest'],
      answer: whoSchema,
      handle: async ({ key }) => whoAmI(context, key!),
    }),
    route({
      method: 'POST',
      path: '/api/v1/login',
      tag: 'keys',
      summary: 'Trade a key for a session of the dashboard, in a cookie',
      scopes: null,
      body: z.strictObject({ key: z.string().min(1).max(128) }),
      statuses: {
        401: 'The key is unknown, revoked or expired.',
        403: 'An ingest key, or a request from another web page.',
        429: 'Too many wrong keys from this address.',
      },
      answer: whoSchema,
      handle: async ({ body, request, reply }) =>
        whoAmI(context, await auth.signIn(request, reply, body.key)),
    }),
    route({
      method: 'POST',
      path: '/api/v1/logout',
      tag: 'keys',
      summary: 'End the session and forget its cookie',
      scopes: null,
      statuses: { 403: 'A request from another web page.' },
      answer: z.null(),
      handle: async ({ request, reply }) => {
        await auth.signOut(request, reply)
        return null
      },
    }),
  ]
}
