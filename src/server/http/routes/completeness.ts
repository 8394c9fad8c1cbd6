/** Whether anything is missing in a range of time. */
import { z } from 'zod'
import { completenessOf, HOLE_CAUSES } from '../../query/completeness.js'
import { completenessAnswer } from '../../query/completeness-answer.js'
import { completenessQuerySchema, filterOf } from '../../query/parameters.js'
import type { ServerContext } from '../context.js'
import { HttpError } from '../http.js'
import { orgParams, type Route, route } from '../route.js'

const holeSchema = z.object({
  cause: z.enum(HOLE_CAUSES),
  reason: z.string().optional().meta({ description: 'Of `other`: as the meter calls it.' }),
  from: z.string(),
  to: z.string(),
  seconds: z.number(),
  sessions: z.int().nullable().meta({ description: 'Known to be lost; null: nobody knows.' }),
  packets: z.int().optional(),
  bytes: z.int().optional().meta({ description: 'That moved meanwhile, by the counters.' }),
  batches: z.int().optional(),
})
const totalsSchema = {
  until: z.string().meta({ description: 'What came later is not judged yet.' }),
  coveredShare: z.number().meta({ description: 'Of the time up to `until`: 1 is all of it.' }),
  sessionsLost: z.int().meta({ description: 'Known ones.' }),
}
const completenessSchema = z.object({
  from: z.string(),
  to: z.string(),
  complete: z.boolean().meta({ description: 'No hole is known up to `until`.' }),
  ...totalsSchema,
  more: z.boolean().meta({ description: 'There are more losses than these.' }),
  sentence: z.string(),
  sites: z.array(
    z.object({
      siteId: z.int(),
      siteName: z.string().nullable(),
      complete: z.boolean(),
      ...totalsSchema,
      meters: z.array(
        z.object({
          meterId: z.string().nullable(),
          interface: z.string().nullable(),
          ...totalsSchema,
          reconciled: z.object({ packets: z.int(), ofPackets: z.int() }).nullable().meta({
            description: 'Packets of its newest run: metered, of all the kernel counted.',
          }),
          holes: z.array(holeSchema),
        }),
      ),
    }),
  ),
})

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
      handle: async ({ params: { orgId }, query }) => {
        const nowMs = clockMs()
        const { fromUs, toUs, siteIds } = filterOf(query, nowMs)
        if (toUs <= fromUs)
          throw new HttpError(400, 'badRequest', 'timeEnd: expected a time after timeStart')
        const range = { fromUs, toUs }
        const nowUs = nowMs * 1e3
        const [coverage, { catalog }] = await Promise.all([
          store.coverage(orgId, range, siteIds),
          store.catalog(orgId),
        ])
        const keyed = control
          .keys(orgId)
          .flatMap((k) => (k.siteId === null || k.revokedAt !== null ? [] : [k.siteId]))
        const sites = completenessOf(coverage, {
          range,
          nowUs,
          silenceUs: silenceMs * 1e3,
          siteIds: siteIds ?? keyed,
        })
        const names = new Map(catalog.sites.map((s) => [s.siteId, s.name]))
        return completenessAnswer(sites, { names, range, nowUs, more: coverage.more })
      },
    }),
  ]
}
