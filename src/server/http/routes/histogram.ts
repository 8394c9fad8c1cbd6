/** The log over time: a session counts where it started. */
import { histogramQuerySchema } from '../../query/parameters.js'
import type { ServerContext } from '../context.js'
import { orgParams, type Route, route } from '../route.js'
import { histogramSchema } from '../schemas.js'
import { checkedFilter } from './logs.js'

export function histogramRoutes({ store, clockMs }: ServerContext): Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/org/{orgId}/logs/connection/histogram',
      tag: 'logs',
      summary: 'Sessions and bytes over time under the filters, by how the sessions went',
      scopes: ['admin', 'read'],
      params: orgParams,
      query: histogramQuerySchema,
      answer: histogramSchema,
      handle: async ({ params: { orgId }, query, signal }) => {
        const request = {
          filter: checkedFilter(query, clockMs()),
          bars: query.bars,
          offsetUs: query.utcOffset * 60e6,
        }
        const { originUs, widthUs, count, outcomes } = await store.histogram(orgId, request, {
          signal,
        })
        return {
          from: new Date(originUs / 1e3).toISOString(),
          barSeconds: widthUs / 1e6,
          bars: count,
          outcomes,
        }
      },
    }),
  ]
}
