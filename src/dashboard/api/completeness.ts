/** The completeness of the current time range. The header's badge loads it, and every page reads the same answer. */
import { createStore } from '../state/store.js'
import type { QueryParams } from '../state/url.js'
import { request } from './client.js'
import type { Completeness } from './types.js'

/** Undefined before the first answer. */
export const completeness = createStore<Completeness | undefined>(undefined)

export function fetchCompleteness(
  orgId: string,
  query: QueryParams,
  signal: AbortSignal,
): Promise<Completeness> {
  return request(`/org/${encodeURIComponent(orgId)}/completeness`, { query, signal })
}
