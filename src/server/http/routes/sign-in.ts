/** Who a key is, and trading it for the dashboard's cookie. */
import { z } from 'zod'
import type { KeyRecord } from '../../control/control.js'
import { COOKIE } from '../auth.js'
import type { ServerContext } from '../context.js'
import { HttpError } from '../http.js'
import { type Route, route } from '../route.js'
import { whoSchema } from '../schemas.js'

const COOKIE_SECONDS = 30 * 86400

function whoAmI({ clockMs, control }: ServerContext, key: KeyRecord) {
  const { scope, orgId, siteId, name, keyId, expiresAt } = key
  // A meter that may not read settings learns whether anything is stored at all.
  const retentionDays = orgId === null ? null : (control.org(orgId)?.retentionDays ?? 0)
  const serverTime = new Date(clockMs()).toISOString()
  return { scope, orgId, siteId, name, keyId, expiresAt, retentionDays, serverTime }
}

export function signInRoutes(context: ServerContext): Route[] {
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
