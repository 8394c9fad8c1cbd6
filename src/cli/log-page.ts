/** Pages of a server's log. */
import { AppError } from '../base/errors.js'
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
  target: LogTarget,
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
      query.set('completeness', 'false')
    }
    const page = await pageOf(target, query)
    first ??= page
    rows.push(...page.log)
    cursor = page.pagination.nextCursor
  } while (cursor !== null && rows.length < limit)
  return { rows, first }
}

/** Servers of before 0.2: they refuse the parameter `completeness`, and do not judge it for a page. */
const withoutIt = new WeakSet<ApiClient>()

async function pageOf(target: LogTarget, query: URLSearchParams): Promise<LogPage> {
  const { api, org } = target
  if (withoutIt.has(api)) query.delete('completeness')
  try {
    return await api.get<LogPage>(`${orgPath(org)}/logs/connection?${query}`)
  } catch (error) {
    const isRefused = error instanceof AppError && error.facts.status === 400
    if (!isRefused || !query.has('completeness')) throw error
    withoutIt.add(api)
    return pageOf(target, query)
  }
}
