import type { QueryParams } from '../state/url.js'
import { request } from './client.js'
import type { Histogram } from './types.js'

/** Bars of days begin at midnight here. */
export function fetchHistogram(
  orgId: string,
  query: QueryParams & { readonly bars: number },
  signal: AbortSignal,
): Promise<Histogram> {
  const utcOffset = -new Date(String(query.timeEnd)).getTimezoneOffset()
  return request(`/org/${encodeURIComponent(orgId)}/logs/connection/histogram`, {
    query: { ...query, utcOffset },
    signal,
  })
}
