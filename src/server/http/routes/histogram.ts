/** Sessions over time. A session counts in the bar of its start. */
import { usToIso } from '../../../base/instant.js'
import { histogramQuerySchema } from '../../query/sum-parameters.js'
import { noteQuery } from '../audited.js'
import type { ServerContext } from '../context.js'
import { orgParams, type Route, route } from '../route.js'
import { histogramSchema } from '../sum-schemas.js'
import { checkedFilter } from './logs.js'

export function histogramRoutes(context: ServerContext): Route[] {
  const { store, clockMs } = context
  return [
    route({
      method: 'GET',
      path: '/api/v1/org/{orgId}/logs/connection/histogram',
      tag: 'logs',
      summary: 'Sessions and bytes over time under the filters, by outcome',
      scopes: ['admin', 'read'],
      params: orgParams,
      query: histogramQuerySchema,
      answer: histogramSchema,
      handle: async ({ params: { orgId }, query, key, request: from, signal, late }) => {
        const filter = checkedFilter(query, clockMs())
        const request = {
          filter,
          bars: query.bars,
          offsetUs: query.utcOffset * 60e6,
        }
        const { originUs, widthUs, count, outcomes } = await store.histogram(orgId, request, {
          signal,
          late,
        })
        noteQuery(context, orgId, filter, { key, request: from, rows: null })
        return {
          from: usToIso(originUs),
          barSeconds: widthUs / 1e6,
          bars: count,
          outcomes,
        }
      },
    }),
  ]
}
