import { type QueryParams, request } from './client.js'
import type { Summary } from './types.js'

export const GROUPS = ['resource', 'client', 'user'] as const
export type Group = (typeof GROUPS)[number]

export interface SummaryQuery {
  readonly groupBy: Group
  readonly interval?: string
  readonly top: number
  readonly filters: QueryParams
}

export function fetchSummary(
  orgId: string,
  { groupBy, interval, top, filters }: SummaryQuery,
  signal: AbortSignal,
): Promise<Summary> {
  return request<Summary>(`/org/${encodeURIComponent(orgId)}/logs/connection/summary`, {
    query: { ...filters, groupBy, interval, top },
    signal,
  })
}
