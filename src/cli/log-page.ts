/** Pages of a server's log. */
import { type ApiClient, orgPath } from './api-client.js'
import type { LogRow } from './log-row.js'

/** The API's bound. */
const PAGE_ROWS = 1000

export interface LogPage {
  readonly log: readonly LogRow[]
  readonly pagination: { readonly total: number | null; readonly nextCursor: string | null }
  readonly notice: { readonly message: string } | null
}

export interface LogTarget {
  readonly api: ApiClient
  readonly org: string
}

/** Loads page after page, newest sessions first, until there are `limit` rows. The first page has the total. */
export async function newestRows(
  { api, org }: LogTarget,
  filters: URLSearchParams,
  limit: number,
): Promise<{ readonly rows: LogRow[]; readonly first: LogPage }> {
  const rows: LogRow[] = []
  let first: LogPage | null = null
  let cursor: string | null = null
  do {
    const query = new URLSearchParams(filters)
    query.set('attributes', 'false')
    query.set('limit', String(Math.min(PAGE_ROWS, limit - rows.length)))
    if (cursor !== null) {
      query.set('cursor', cursor)
      query.set('count', 'false')
    }
    const page: LogPage = await api.get(`${orgPath(org)}/logs/connection?${query}`)
    first ??= page
    rows.push(...page.log)
    cursor = page.pagination.nextCursor
  } while (cursor !== null && rows.length < limit)
  return { rows, first }
}
