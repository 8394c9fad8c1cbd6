/** Whether anything is missing in the time range that is shown: asked for once, and told on every page. */
import { createStore } from '../state/store.js'
import type { QueryParams } from '../state/url.js'
import { request } from './client.js'
import type { Completeness } from './types.js'

/** Undefined until there is an answer. */
export const completeness = createStore<Completeness | undefined>(undefined)

export function fetchCompleteness(
  orgId: string,
  query: QueryParams,
  signal: AbortSignal,
): Promise<Completeness> {
  return request(`/org/${encodeURIComponent(orgId)}/completeness`, { query, signal })
}
