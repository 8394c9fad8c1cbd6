/** Keys of an organisation: list, create, revoke. */
import { z } from 'zod'
import { SITE_ID_MAX } from '../../../session/bounds.js'
import { isPlainText, PLAIN_TEXT } from '../../../session/plain-text.js'
import type { KeyRecord } from '../../control/control.js'
import type { ServerContext } from '../context.js'
import { HttpError } from '../http.js'
import { orgParams, type Route, route } from '../route.js'
import { keySchema } from '../schemas.js'

const KEYS_MAX = 1000

const newKeySchema = z.strictObject({
  scope: z.enum(['admin', 'read', 'ingest']),
  siteId: z.int().min(1).max(SITE_ID_MAX).nullish(),
  name: z.string().trim().min(1).max(100).refine(isPlainText, PLAIN_TEXT),
  expiresAt: z.iso.datetime({ offset: true }).nullish(),
})

function shownKey({ hash: _, ...shown }: KeyRecord): Omit<KeyRecord, 'hash'> {
  return shown
}

export function keyRoutes({ control, security, clockMs }: ServerContext): Route[] {
  const path = '/api/v1/org/{orgId}/keys'
  return [
    route({
      method: 'GET',
      path,
      tag: 'keys',
      summary:
        'Records of the organisation’s keys, with the last 200 revoked ones; never the keys themselves',
      scopes: ['admin'],
      params: orgParams,
      answer: z.object({ keys: z.array(keySchema) }),
      handle: async ({ params }) => ({
        keys: (await control.keys(params.orgId)).map(shownKey),
      }),
    }),
    route({
      method: 'POST',
      path,
      tag: 'keys',
      summary: 'Create a key; the answer is the only place that shows it',
      scopes: ['admin'],
      status: 201,
      statuses: { 409: `The organisation has ${KEYS_MAX} keys that are not revoked.` },
      params: orgParams,
      body: newKeySchema,
      answer: keySchema.extend({ key: z.string() }),
      handle: async ({ params, body, key: by, request }) => {
        const { scope, name } = body
        const siteId = body.siteId ?? null
        if ((scope === 'ingest') !== (siteId !== null)) {
          throw new HttpError(
            400,
            'badRequest',
            `siteId: expected a site for scope ingest and none for others, got ${siteId} for ${scope}`,
          )
        }
        if (body.expiresAt && Date.parse(body.expiresAt) <= clockMs()) {
          throw new HttpError(
            400,
            'badRequest',
            `expiresAt: expected a time in the future, got ${body.expiresAt}`,
          )
        }
        if ((await control.countKeys(params.orgId)) >= KEYS_MAX) {
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
        const { keyId } = record
        const made = { of: params.orgId, keyId, made: scope, siteId, name, expiresAt }
        await security.done('keyCreated', request.ip, by, made)
        return { ...shownKey(record), key }
      },
    }),
    route({
      method: 'DELETE',
      path: `${path}/{keyId}`,
      tag: 'keys',
      summary: 'Revoke a key, at once and for good; with forget=true, remove a revoked one',
      scopes: ['admin'],
      params: orgParams.extend({ keyId: z.string().max(32) }),
      query: z.strictObject({
        forget: z.enum(['true', 'false']).default('false').meta({
          description:
            'Removes a revoked key from the list. Requests with it then get "not known".',
        }),
      }),
      statuses: {
        404: 'No such organisation, or no such key in it.',
        409: 'forget=true for a key that is not revoked.',
      },
      answer: keySchema,
      handle: async ({ params, query, key, request }) => {
        const known = control.key(params.keyId)
        if (known === undefined || known.orgId !== params.orgId) {
          throw new HttpError(
            404,
            'noKey',
            `there is no key "${params.keyId}" in this organisation`,
          )
        }
        if (query.forget === 'true') {
          if (known.revokedAt === null)
            throw new HttpError(409, 'keyValid', 'this key is not revoked: revoke it first')
          await control.forgetKey(known.keyId)
          const facts = { of: params.orgId, keyId: known.keyId, name: known.name }
          await security.done('keyForgotten', request.ip, key, facts)
          return shownKey(known)
        }
        const revoked = (await control.revokeKey(params.keyId))!
        const { keyId, name } = revoked
        await security.done('keyRevoked', request.ip, key, { of: params.orgId, keyId, name })
        return shownKey(revoked)
      },
    }),
  ]
}
