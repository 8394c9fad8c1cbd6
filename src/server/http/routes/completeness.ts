/** Whether anything is missing in a range of time. */
import { completenessOf } from '../../query/completeness.js'
import { completenessAnswer } from '../../query/completeness-answer.js'
import { completenessQuerySchema, filterOf } from '../../query/parameters.js'
import type { ServerContext } from '../context.js'
import { HttpError } from '../http.js'
import { orgParams, type Route, route } from '../route.js'
import { completenessSchema } from '../schemas.js'

export function completenessRoutes({ store, control, clockMs, silenceMs }: ServerContext): Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/org/{orgId}/completeness',
      tag: 'sites',
      summary: 'Whether anything is missing in a range of time: covered share, and each hole',
      scopes: ['admin', 'read'],
      params: orgParams,
      query: completenessQuerySchema,
      answer: completenessSchema,
      handle: async ({ params: { orgId }, query, signal, late }) => {
        const nowMs = clockMs()
        const { fromUs, toUs, siteIds } = filterOf(query, nowMs)
        if (toUs <= fromUs)
          throw new HttpError(400, 'badRequest', 'timeEnd: expected a time after timeStart')
        const range = { fromUs, toUs }
        const nowUs = nowMs * 1e3
        const [coverage, { catalog }] = await Promise.all([
          store.coverage(orgId, range, siteIds, { signal, late }),
          store.catalog(orgId),
        ])
        const keyed = control
          .keys(orgId)
          .flatMap((k) => (k.siteId === null || k.revokedAt !== null ? [] : [k.siteId]))
        const removedMs = control.removals.of(orgId)
        const meters = coverage.meters.map((m) => {
          const atMs = removedMs({ ...m, receivedMs: Math.floor(m.receivedUs / 1e3) })
          return atMs === undefined ? m : { ...m, removedUs: atMs * 1e3 }
        })
        const sites = completenessOf(
          { ...coverage, meters },
          {
            range,
            nowUs,
            silenceUs: silenceMs * 1e3,
            siteIds: siteIds ?? keyed,
          },
        )
        const names = new Map(catalog.sites.map((s) => [s.siteId, s.name]))
        return completenessAnswer(sites, { names, range, nowUs, more: coverage.more })
      },
    }),
  ]
}
