import type { QueryParams } from '../state/url.js'
import { request } from './client.js'
import type { Histogram } from './types.js'

/** Sends the browser's UTC offset, so that bars of whole days begin at local midnight. */
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
