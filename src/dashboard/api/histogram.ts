import { utcOffset } from '../format/zone.js'
import type { QueryParams } from '../state/url.js'
import { request } from './client.js'
import type { Histogram } from './types.js'

/** Sends the zone's UTC offset, so that bars of whole days begin at its midnight. */
export function fetchHistogram(
  orgId: string,
  query: QueryParams & { readonly bars: number },
  signal: AbortSignal,
): Promise<Histogram> {
  return request(`/org/${encodeURIComponent(orgId)}/logs/connection/histogram`, {
    query: { ...query, utcOffset: utcOffset(Date.parse(String(query.timeEnd))) },
    signal,
  })
}
