/** Alerts of an organisation: settings, state, and a test. */
import { z } from 'zod'
import { ALERTS_OF_ORG_MAX, type AlertRecord, wantedAlertSchema } from '../../alerts/alert.js'
import { alertSchema, alertTestSchema, alertView } from '../alert-schema.js'
import type { ServerContext } from '../context.js'
import { orgParams, type Route, route } from '../route.js'

const PATH = '/api/v1/org/{orgId}/alerts'
const ADMIN = ['admin'] as const
const params = orgParams.extend({ alertId: z.string().max(32) })
const NO_ALERT = { 404: 'There is no such organisation, or no such alert in it.' }

/** Without the path of a webhook, which may be its secret, and without persons' addresses. */
function factsOf({ orgId: of, id: alert, name, query, condition, to }: AlertRecord) {
  const target = to.kind === 'webhook' ? new URL(to.url).origin : `${to.addresses.length} e-mail`
  return { of, alert, name, query, condition, kind: to.kind, target }
}

export function alertRoutes({ alerts, security }: ServerContext): Route[] {
  return [
    route({
      method: 'GET',
      path: PATH,
      tag: 'alerts',
      summary: 'Alerts of the organisation, with what each finds and what it has sent',
      scopes: ADMIN,
      params: orgParams,
      answer: z.object({ alerts: z.array(alertSchema) }),
      handle: async ({ params: { orgId } }) => ({
        alerts: (await alerts.of(orgId)).map(alertView),
      }),
    }),
    route({
      method: 'POST',
      path: PATH,
      tag: 'alerts',
      summary: 'Add an alert on a view; it is evaluated every minute',
      scopes: ADMIN,
      status: 201,
      statuses: { 409: `The organisation has ${ALERTS_OF_ORG_MAX} alerts.` },
      params: orgParams,
      body: wantedAlertSchema,
      answer: alertSchema,
      handle: async ({ params: { orgId }, body, key, request }) => {
        const made = await alerts.create(orgId, body)
        await security.done('alertAdded', request.ip, key, factsOf(made.record))
        return alertView(made)
      },
    }),
    route({
      method: 'PUT',
      path: `${PATH}/{alertId}`,
      tag: 'alerts',
      summary: 'Change an alert',
      description: 'Another condition or other filters reset what it has reported and what waits.',
      scopes: ADMIN,
      statuses: NO_ALERT,
      params,
      body: wantedAlertSchema,
      answer: alertSchema,
      handle: async ({ params: { orgId, alertId }, body, key, request }) => {
        const changed = await alerts.replace(orgId, alertId, body)
        await security.done('alertChanged', request.ip, key, factsOf(changed.record))
        return alertView(changed)
      },
    }),
    route({
      method: 'DELETE',
      path: `${PATH}/{alertId}`,
      tag: 'alerts',
      summary: 'Remove an alert, with what it has not sent yet',
      scopes: ADMIN,
      statuses: NO_ALERT,
      params,
      answer: z.object({ id: z.string(), name: z.string() }),
      handle: async ({ params: { orgId, alertId }, key, request }) => {
        const record = await alerts.remove(orgId, alertId)
        await security.done('alertRemoved', request.ip, key, factsOf(record))
        return { id: record.id, name: record.name }
      },
    }),
    route({
      method: 'POST',
      path: `${PATH}/{alertId}/test`,
      tag: 'alerts',
      summary: 'Send a message that is marked as a test, at once',
      scopes: ADMIN,
      statuses: NO_ALERT,
      params,
      answer: alertTestSchema,
      handle: async ({ params: { orgId, alertId } }) => {
        const fault = await alerts.test(orgId, alertId)
        return { sent: fault === null, fault }
      },
    }),
  ]
}
