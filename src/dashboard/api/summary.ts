import type { Group } from '../state/groups.js'
import type { QueryParams } from '../state/url.js'
import { request } from './client.js'
import type { Matrix, Summary, SummaryTotals } from './types.js'

export interface SummaryQuery {
  readonly groupBy: Group | 'site' | 'port' | 'connState'
  /** Orders the groups; by default bytes. */
  readonly by?: 'bytes' | 'sessions'
  readonly interval?: string
  readonly top: number
  readonly filters: QueryParams
}

/** Totals of all sessions that match the filters. */
export async function fetchTotals(
  orgId: string,
  filters: QueryParams,
  signal: AbortSignal,
): Promise<SummaryTotals> {
  const path = `/org/${encodeURIComponent(orgId)}/logs/connection/summary`
  return (await request<Summary>(path, { query: filters, signal })).totals
}

export function fetchSummary(
  orgId: string,
  { groupBy, by, interval, top, filters }: SummaryQuery,
  signal: AbortSignal,
): Promise<Summary> {
  return request<Summary>(`/org/${encodeURIComponent(orgId)}/logs/connection/summary`, {
    query: { ...filters, groupBy, by, interval, top },
    signal,
  })
}

/** Who used what: the `top` largest clients and resources, and all others as one. */
export async function fetchMatrix(
  orgId: string,
  top: number,
  filters: QueryParams,
  signal: AbortSignal,
): Promise<Matrix> {
  const path = `/org/${encodeURIComponent(orgId)}/logs/connection/summary`
  const sides = { groupBy: 'client', across: 'resource', top, topAcross: top }
  const { matrix } = await request<Summary>(path, { query: { ...filters, ...sides }, signal })
  return matrix!
}
