/** Organisations and their settings. */
import { z } from 'zod'
import { ORG_ID, ORG_ID_EXPECTED } from '../../../session/bounds.js'
import { isPlainText, PLAIN_TEXT } from '../../../session/plain-text.js'
import { type KeyRecord, type OrgRecord, RETENTION_DAYS_MAX } from '../../control/control.js'
import { deletionCutUs, deletionDays, isShorter } from '../../control/retention-grace.js'
import { confirmInBody, demandConfirmation, inBody } from '../confirmation.js'
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
      summary: 'Organisations that the key may read',
      scopes: ['admin', 'read'],
      answer: z.object({ orgs: z.array(orgSchema) }),
      handle: async ({ key }) => ({
        orgs: control
          .orgs()
          .filter((o) => key!.scope === 'root' || o.orgId === key!.orgId)
          .map(shownOrg),
      }),
    }),
    route({
      method: 'POST',
      path: '/api/v1/orgs',
      tag: 'organisations',
      summary: 'Create an organisation',
      scopes: [],
      status: 201,
      statuses: { 409: 'The organisation exists, or one with this id was removed.' },
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
        await security.done('orgCreated', request.ip, key, { made: org.orgId })
        return shownOrg(org)
      },
    }),
  ]
}

function shownOrg({ orgId, name, retentionDays, createdAt }: OrgRecord) {
  return { orgId, name, retentionDays, createdAt }
}

const retentionDays = z.int().min(-1).max(RETENTION_DAYS_MAX).meta({
  description: 'Days that sessions are kept; 0 (default): nothing is stored; -1: for ever.',
})
const settingsSchema = z.object({
  retentionDays,
  deletesFrom: z.string().nullable().meta({
    description:
      'When a shortened retention begins to delete older sessions; null: no such delay is running.',
  }),
})
const settingsChangeSchema = z.strictObject({
  retentionDays,
  confirm: confirmInBody,
  now: z.boolean().optional().meta({
    description: 'Delete at once instead of after 24 hours; this cannot be undone.',
  }),
})

export function settingsRoutes(context: ServerContext): Route[] {
  const { control, trustedClock } = context
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
      handle: async ({ params }) => settingsOf(control.org(params.orgId), trustedClock.nowMs()),
    }),
    route({
      method: 'PUT',
      path,
      tag: 'settings',
      summary: 'Change settings',
      description:
        'A shorter retention that deletes sessions is refused with 409 `confirmNeeded` and their number (`data.sessions`), unless `confirm` repeats that number. It deletes after 24 hours; until then, the longer retention can be restored. 0 stops storing at once.',
      scopes: ['admin'],
      params: orgParams,
      body: settingsChangeSchema,
      answer: settingsSchema,
      handle: async ({ params: { orgId }, body, key, request }) => {
        const org = await changeRetention(context, orgId, body, { key, ip: request.ip })
        return settingsOf(org, trustedClock.nowMs())
      },
    }),
  ]
}

/** Changes the retention, for every route that does so. @throws HttpError 409 confirmNeeded */
export async function changeRetention(
  context: ServerContext,
  orgId: string,
  wanted: z.output<typeof settingsChangeSchema>,
  by: { readonly key: KeyRecord | null; readonly ip: string },
): Promise<OrgRecord> {
  const { control, security, trustedClock, retentionChanged } = context
  const from = control.org(orgId)?.retentionDays ?? 0
  const sessions = await deletedBy(context, orgId, wanted)
  const change = { retentionDays: wanted.retentionDays }
  const when = { nowMs: trustedClock.nowMs(), deletesNow: wanted.now === true }
  const org = await control.putOrg(orgId, change, when)
  const changed = { fromDays: from, ...change, deletesSessions: sessions, now: wanted.now === true }
  await security
    .done('settingsChanged', by.ip, by.key, { of: orgId, ...changed })
    .finally(() => retentionChanged(orgId))
  return org
}

function settingsOf(org: OrgRecord | undefined, nowMs: number): z.output<typeof settingsSchema> {
  const grace = org?.grace
  const waits = grace !== undefined && nowMs < grace.untilMs
  return {
    retentionDays: org?.retentionDays ?? 0,
    deletesFrom: waits ? new Date(grace.untilMs).toISOString() : null,
  }
}

/** @returns the number of sessions that the change deletes @throws HttpError 409 confirmNeeded */
async function deletedBy(
  { store, control, trustedClock }: ServerContext,
  orgId: string,
  { retentionDays: days, confirm }: z.output<typeof settingsChangeSchema>,
): Promise<number> {
  const nowMs = trustedClock.nowMs()
  const old = control.org(orgId)
  if (old === undefined || !isShorter(days, deletionDays(old, nowMs))) return 0
  const sessions = await store.count(orgId, { fromUs: 0, toUs: deletionCutUs(days, nowMs) })
  if (sessions > 0) demandConfirmation({ found: sessions, confirm, as: inBody })
  return sessions
}
