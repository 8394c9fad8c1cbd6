/** Routes that remove sites, meters and organisations. */
import { z } from 'zod'
import { TIME_US_MAX } from '../../../session/bounds.js'
import type { MeterStatus } from '../../store/store.js'
import { confirmInQuery, demandConfirmation, inQuery } from '../confirmation.js'
import type { ServerContext } from '../context.js'
import { HttpError } from '../http.js'
import { replaceCatalog } from '../replace-catalog.js'
import { orgParams, type Route, route, siteParams } from '../route.js'

const siteQuery = z.strictObject({
  sessions: z.enum(['keep', 'delete']).default('keep').meta({
    description: '`keep`: sessions stay until retention deletes them.',
  }),
  confirm: confirmInQuery,
})
/** A meter whose last batch arrived within this time counts as running. */
const REPORTS_MS = 60_000
const sentTo = z.array(z.string()).meta({
  description: 'Destinations that got sessions, and keep them.',
})
const ALL = { fromUs: 0, toUs: TIME_US_MAX }

export function removalRoutes(context: ServerContext): Route[] {
  return [siteRoute(context), meterRoute(context), orgRoute(context)]
}

function siteRoute(context: ServerContext): Route {
  const { store, control, security, clockMs, destinations } = context
  return route({
    method: 'DELETE',
    path: '/api/v1/org/{orgId}/site/{siteId}',
    tag: 'sites',
    summary: 'Remove a site: revoke its keys, and no longer list or expect it',
    description:
      'Its sessions and the completeness of the time until now stay. `sessions=delete` deletes the sessions: without `confirm`, the answer is 409 `confirmNeeded` with their number (`data.sessions`), which `confirm` must repeat; monthly totals stay, and completeness has a counted hole `deletedByOperator`. A meter that reports with another key brings the site back.',
    scopes: ['admin'],
    params: siteParams,
    query: siteQuery,
    answer: z.object({
      keys: z.int(),
      meters: z.int(),
      sessions: z.int(),
      name: z.boolean(),
      sentTo,
    }),
    statuses: {
      404: 'No such organisation, or no such site in it.',
      409: 'It is to be confirmed; or the catalog was changed meanwhile.',
    },
    handle: async ({ params: { orgId, siteId }, query, key, request }) => {
      const deletes = query.sessions === 'delete'
      const found = await store.count(orgId, { ...ALL, siteIds: [siteId] })
      await mustExist(context, orgId, siteId, deletes && found > 0)
      if (deletes) demandConfirmation({ found, confirm: query.confirm, as: inQuery })
      const facts = { of: orgId, siteId, sessions: query.sessions, found }
      await security.done('siteRemoveStarted', request.ip, key, facts)
      const keys = (await control.closeSite(orgId, siteId)).length
      const named = await replaceCatalog(context, { orgId, key, request }, ({ catalog }) => {
        const sites = catalog.sites.filter((s) => s.siteId !== siteId)
        return sites.length === catalog.sites.length ? null : { ...catalog, sites }
      })
      // The removal must be later than everything its meters have sent. The revoked keys can send nothing more.
      const meters = (await store.meters(orgId)).filter((m) => m.siteId === siteId)
      const atMs = Math.max(clockMs(), ...meters.map(heardMs))
      if (meters.length > 0) await control.removals.add(orgId, siteId, undefined, atMs)
      const removed = deletes ? store.removeSessions(orgId, siteId) : Promise.resolve(0)
      // A failed removal may have deleted a part.
      const sessions = await removed.finally(() => destinations.forget(orgId))
      const done = { keys, meters: meters.length, sessions, name: named !== null }
      await security.done('siteRemoved', request.ip, key, { of: orgId, siteId, ...done })
      return { ...done, sentTo: deletes ? await destinations.holders(orgId) : [] }
    },
  })
}

function meterRoute({ store, control, security, clockMs }: ServerContext): Route {
  return route({
    method: 'DELETE',
    path: '/api/v1/org/{orgId}/site/{siteId}/meter/{meterId}',
    tag: 'sites',
    summary: 'Remove a meter that no longer reports: no longer list or expect it',
    description:
      'Its sessions and the completeness of the time until now stay. A new report of the meter brings it back.',
    scopes: ['admin'],
    params: siteParams.extend({ meterId: z.string().min(1).max(255) }),
    answer: z.object({ meterId: z.string() }),
    statuses: {
      404: 'No such organisation, or no such meter in it.',
      409: 'It still reports: stop it first.',
    },
    handle: async ({ params: { orgId, siteId, meterId }, key, request }) => {
      const all = await store.meters(orgId)
      const meter = all.find((m) => m.siteId === siteId && m.meterId === meterId)
      if (meter === undefined)
        throw new HttpError(404, 'noMeter', `site ${siteId} has no meter "${meterId}"`)
      const nowMs = clockMs()
      if (meter.report.replay === undefined && nowMs - heardMs(meter) < REPORTS_MS) {
        const message = `the meter "${meterId}" reported less than a minute ago: stop it first`
        throw new HttpError(409, 'meterReports', message)
      }
      await control.removals.add(orgId, siteId, meterId, Math.max(nowMs, heardMs(meter)))
      await security.done('meterRemoved', request.ip, key, { of: orgId, siteId, meterId })
      return { meterId }
    },
  })
}

function orgRoute(context: ServerContext): Route {
  const { store, control, security, trustedClock, orgRemoved, destinations } = context
  return route({
    method: 'DELETE',
    path: '/api/v1/org/{orgId}',
    tag: 'organisations',
    summary: 'Remove an organisation with its keys and all its stored data',
    description:
      'Without `confirm`, the answer is 409 `confirmNeeded` with the number of sessions (`data.sessions`), which `confirm` must repeat. Its keys stop working at once; its data are deleted within minutes. Root keys can read its audit trail until that expires; until then no other organisation can have its name. This cannot be undone.',
    scopes: [],
    params: orgParams,
    query: z.strictObject({ confirm: confirmInQuery }),
    answer: z.object({ orgId: z.string(), keys: z.int(), sessions: z.int(), sentTo }),
    statuses: { 404: 'No such organisation.', 409: 'It is to be confirmed.' },
    handle: async ({ params: { orgId }, query, key, request }) => {
      const sessions = await store.count(orgId, ALL)
      demandConfirmation({ found: sessions, confirm: query.confirm, as: inQuery })
      const sentTo = await destinations.holders(orgId)
      const keys = await control.removeOrg(orgId, trustedClock.nowMs())
      if (keys === undefined)
        throw new HttpError(404, 'noOrg', `there is no organisation "${orgId}"`)
      await destinations.removeOrg(orgId)
      const facts = { removed: orgId, keys, sessions }
      await security.done('orgRemoveStarted', request.ip, key, facts).finally(orgRemoved)
      return { orgId, keys, sessions, sentTo }
    },
  })
}

function heardMs({ receivedAt }: MeterStatus): number {
  return Date.parse(receivedAt)
}

/** @throws HttpError 404 */
async function mustExist(
  { store, control }: ServerContext,
  orgId: string,
  siteId: number,
  hasSessions: boolean,
): Promise<void> {
  const isKnown =
    hasSessions ||
    (await control.keys(orgId)).some((k) => k.siteId === siteId && k.revokedAt === null) ||
    (await store.meters(orgId)).some((m) => m.siteId === siteId) ||
    (await store.catalog(orgId)).catalog.sites.some((s) => s.siteId === siteId)
  if (!isKnown) throw new HttpError(404, 'noSite', `there is no site ${siteId}`)
}
