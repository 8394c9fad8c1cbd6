/** The state of sites and their meters. */
import { z } from 'zod'
import { siteViews } from '../../query/sites.js'
import type { ServerContext } from '../context.js'
import { presentMeters } from '../present-meters.js'
import { orgParams, type Route, route } from '../route.js'
import { siteStatusSchema } from '../schemas.js'

export function siteRoutes(context: ServerContext): Route[] {
  const { store, control, clockMs, silenceMs } = context
  return [
    route({
      method: 'GET',
      path: '/api/v1/org/{orgId}/sites',
      tag: 'sites',
      summary:
        'Each site and its meters: last report, lag, spool, drops, gaps, and what is wrong in words',
      scopes: ['admin', 'read'],
      params: orgParams,
      answer: z.object({ sites: z.array(siteStatusSchema), serverTime: z.string() }),
      handle: async ({ params: { orgId }, signal, late }) => {
        const [meters, { catalog }] = await Promise.all([
          presentMeters(context, orgId, { signal, late }),
          store.catalog(orgId),
        ])
        const nowMs = clockMs()
        return {
          sites: siteViews(meters, control.keys(orgId), catalog.sites, { nowMs, silenceMs }),
          serverTime: new Date(nowMs).toISOString(),
        }
      },
    }),
  ]
}
