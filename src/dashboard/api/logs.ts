import type { QueryParams } from '../state/url.js'
import { apiPath, request } from './client.js'
import { type Known, withNews } from './known-rows.js'
import type { LogAnswer, LogRow, NamesThen } from './types.js'

/** Without completeness, because the header's badge asks for it and live mode asks for rows every 1.2 s. */
export function fetchLog(
  orgId: string,
  query: QueryParams,
  signal: AbortSignal,
): Promise<LogAnswer> {
  return request<LogAnswer>(`/org/${encodeURIComponent(orgId)}/logs/connection`, {
    query: { ...query, completeness: false },
    signal,
  })
}

/** Asks only for rows that are not known, because live mode asks every 1.2 s and few rows change. */
export async function fetchNews(
  orgId: string,
  query: QueryParams,
  known: Known,
  signal: AbortSignal,
): Promise<Known> {
  const tags = known.tags.length === 0 ? 'none' : known.tags.join('')
  return withNews(known, await fetchLog(orgId, { ...query, known: tags }, signal))
}

export async function fetchSession(
  orgId: string,
  sessionId: string,
  signal: AbortSignal,
): Promise<LogRow | null> {
  const query = {
    sessionId,
    limit: 1,
    attributes: false,
    count: false,
    timeStart: '1970-01-01T00:00:00Z',
  }
  const { log } = await fetchLog(orgId, query, signal)
  return log[0] ?? null
}

/** The names that client, user, resource and site had when the session began. */
export function fetchNamesThen(
  orgId: string,
  { startTime, clientId, userId, siteResourceId, siteId }: LogRow,
  signal: AbortSignal,
): Promise<NamesThen> {
  const query = { at: startTime, clientId, userId, siteResourceId, siteId }
  return request(`/org/${encodeURIComponent(orgId)}/catalog/names`, { query, signal })
}

/** The API's path of one session, for a copied command. */
export function sessionPath(orgId: string, sessionId: string): string {
  const query = { sessionId, attributes: false, count: false }
  return apiPath(`/org/${encodeURIComponent(orgId)}/logs/connection`, query)
}

export const EXPORT_FORMATS = ['csv', 'ndjson', 'parquet'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

/** A plain link, because the browser then streams a file of any size to disk. */
export function exportHref(
  orgId: string,
  query: QueryParams,
  format: ExportFormat,
  columns?: readonly string[],
): string {
  const path = `/org/${encodeURIComponent(orgId)}/logs/connection/export`
  return apiPath(path, { ...query, format, columns: columns?.join(',') })
}
