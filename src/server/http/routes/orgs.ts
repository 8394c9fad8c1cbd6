/** Organisations and their settings. */
import { z } from 'zod'
import { ORG_ID, ORG_ID_EXPECTED } from '../../../session/bounds.js'
import { isPlainText, PLAIN_TEXT } from '../../../session/plain-text.js'
import { RETENTION_DAYS_MAX } from '../../control/control.js'
import type { ServerContext } from '../context.js'
import { HttpError } from '../http.js'
import { orgParams, type Route, route } from '../route.js'
import { orgSchema } from '../schemas.js'

export function orgRoutes({ control, security }: ServerContext): Route[] {
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
      statuses: { 409: 'It exists.' },
      body: z.strictObject({
        orgId: z.string().regex(ORG_ID, ORG_ID_EXPECTED),
        name: z.string().min(1).max(255).refine(isPlainText, PLAIN_TEXT).nullish(),
      }),
      answer: orgSchema,
      handle: async ({ body, key, request }) => {
        if (control.org(body.orgId) !== undefined) {
          throw new HttpError(409, 'exists', `organisation "${body.orgId}" exists`)
        }
        const org = await control.putOrg(body.orgId, { name: body.name ?? null })
        security.write('orgCreated', request.ip, key, { made: org.orgId })
        return org
      },
    }),
  ]
}

const settingsSchema = z.strictObject({
  retentionDays: z.int().min(-1).max(RETENTION_DAYS_MAX).meta({
    description: 'Days that sessions are kept; 0: nothing is stored (the default); -1: for ever.',
  }),
})

export function settingsRoutes({ control, security, retentionChanged }: ServerContext): Route[] {
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
      handle: async ({ params, body, key, request }) => {
        const { retentionDays } = await control.putOrg(params.orgId, body)
        security.write('settingsChanged', request.ip, key, { of: params.orgId, retentionDays })
        retentionChanged(params.orgId)
        return { retentionDays }
      },
    }),
  ]
}
