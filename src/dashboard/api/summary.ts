import type { Group } from '../state/groups.js'
import type { QueryParams } from '../state/url.js'
import { request } from './client.js'
import type { Changes, Matrix, NewPairs, Summary, SummaryTotals } from './types.js'

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

/** What grew and what fell against the range of the same length before. */
export function fetchChanges(
  orgId: string,
  groupBy: Group,
  filters: QueryParams,
  signal: AbortSignal,
): Promise<Changes> {
  const path = `/org/${encodeURIComponent(orgId)}/logs/connection/changes`
  return request<Changes>(path, { query: { ...filters, groupBy }, signal })
}

/** Clients with the resources that they used for the first time. */
export function fetchNewPairs(
  orgId: string,
  limit: number,
  filters: QueryParams,
  signal: AbortSignal,
): Promise<NewPairs> {
  const path = `/org/${encodeURIComponent(orgId)}/logs/connection/new-pairs`
  return request<NewPairs>(path, { query: { ...filters, limit }, signal })
}

/** Sums of each hour (UTC) of the range. */
export async function fetchHours(
  orgId: string,
  filters: QueryParams,
  signal: AbortSignal,
): Promise<{ times: string[]; sessions: number[]; bytes: number[] }> {
  const path = `/org/${encodeURIComponent(orgId)}/logs/connection/summary`
  const query = { ...filters, interval: 'hour' }
  const { times, series } = await request<Summary>(path, { query, signal })
  const { sessions = [], bytesTx = [], bytesRx = [] } = series[0] ?? {}
  return { times, sessions, bytes: bytesTx.map((sent, i) => sent + bytesRx[i]!) }
}
