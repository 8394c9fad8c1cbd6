/** What is different from the time before: groups that grew or fell, and pairs that are new. */
import { usToIso } from '../../../base/instant.js'
import { changesQuerySchema, newPairsQuerySchema } from '../../query/sum-parameters.js'
import { noteQuery } from '../audited.js'
import type { ServerContext } from '../context.js'
import { orgParams, type Route, route } from '../route.js'
import { changesSchema, newPairsSchema } from '../sum-schemas.js'
import { checkedFilter } from './logs.js'

const READ = ['admin', 'read'] as const

export function changesRoutes(context: ServerContext): Route[] {
  return [changesRoute(context), newPairsRoute(context)]
}

function changesRoute(context: ServerContext): Route {
  const { store, clockMs } = context
  return route({
    method: 'GET',
    path: '/api/v1/org/{orgId}/logs/connection/changes',
    tag: 'logs',
    summary: 'What grew and what fell against the range of the same length before',
    scopes: READ,
    params: orgParams,
    query: changesQuerySchema,
    answer: changesSchema,
    handle: async ({ params: { orgId }, query, key, request, signal, late }) => {
      const filter = checkedFilter(query, clockMs())
      const { groupBy, top, by: sort } = query
      const asked = { filter, groupBy, top, sort }
      const { fromUs, grown, fallen } = await store.changes(orgId, asked, { signal, late })
      noteQuery(context, orgId, filter, { key, request, rows: null })
      return { before: { from: usToIso(fromUs), to: usToIso(filter.fromUs) }, grown, fallen }
    },
  })
}

function newPairsRoute(context: ServerContext): Route {
  const { store, clockMs } = context
  return route({
    method: 'GET',
    path: '/api/v1/org/{orgId}/logs/connection/new-pairs',
    tag: 'logs',
    summary: 'Clients (or users) with the resources that they used for the first time in the range',
    scopes: READ,
    params: orgParams,
    query: newPairsQuerySchema,
    answer: newPairsSchema,
    handle: async ({ params: { orgId }, query, key, request, signal, late }) => {
      const filter = checkedFilter(query, clockMs())
      const groups = [query.groupBy, 'resource'] as const
      const asked = { filter, groups, limit: query.limit }
      const { total, pairs } = await store.newPairs(orgId, asked, { signal, late })
      const { oldestUs } = await store.facts(orgId, filter)
      noteQuery(context, orgId, filter, { key, request, rows: null })
      return {
        storedSince: oldestUs === null ? null : usToIso(oldestUs),
        total,
        pairs: pairs.map(({ ids, names, firstUs, ...totals }) => ({
          id: ids[0],
          name: names[0],
          acrossId: ids[1],
          acrossName: names[1],
          firstTime: usToIso(firstUs),
          ...totals,
        })),
      }
    },
  })
}
