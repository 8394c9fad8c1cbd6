/** Completeness of a time range. */
import { completenessAnswer } from '../../query/completeness-answer.js'
import { completenessQuerySchema, filterOf } from '../../query/parameters.js'
import type { ServerContext } from '../context.js'
import { HttpError } from '../http.js'
import { orgParams, type Route, route } from '../route.js'
import { completenessSchema } from '../schemas.js'
import { judgeSites } from '../site-completeness.js'

export function completenessRoutes(context: ServerContext): Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/org/{orgId}/completeness',
      tag: 'sites',
      summary: 'Completeness of a time range: covered share, and each hole',
      description: 'An ingest key may ask only about its own site.',
      scopes: ['admin', 'read', 'ingest'],
      params: orgParams,
      query: completenessQuerySchema,
      answer: completenessSchema,
      handle: async ({ params: { orgId }, query, key, signal, late }) => {
        const { fromUs, toUs, siteIds } = filterOf(query, context.clockMs())
        if (toUs <= fromUs)
          throw new HttpError(400, 'badRequest', 'timeEnd: expected a time after timeStart')
        const own = key!.scope === 'ingest' ? [key!.siteId!] : undefined
        if (own !== undefined && siteIds?.some((id) => !own.includes(id)) === true)
          throw new HttpError(403, 'forbidden', `this key is only for site ${own[0]}`)
        const { sites, named } = await judgeSites(
          context,
          orgId,
          { fromUs, toUs },
          own ?? siteIds,
          { signal, late },
        )
        return completenessAnswer(sites, named)
      },
    }),
  ]
}
