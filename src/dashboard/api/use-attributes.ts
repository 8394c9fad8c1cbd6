/**
 * The values to filter by, with their counts. Counting them is the dearest thing that a page asks for, so they are
 * counted while somebody looks at a list of them; closing it ends the count, in the server too.
 */
import { useCallback, useState } from 'preact/hooks'
import type { QueryParams } from '../state/url.js'
import { fetchLog } from './logs.js'
import type { FilterAttributes } from './types.js'
import { useQuery } from './use-query.js'

export interface Attributes {
  /** Of an earlier selection while `counting`: better than none. Undefined until something was counted. */
  readonly values: FilterAttributes | undefined
  readonly counting: boolean
  readonly slow: boolean
  readonly failed: string | null
  /** Tells that a list was opened or closed. */
  look(looking: boolean): void
}

/** @param selection what the counts depend on */
export function useAttributes(orgId: string, selection: string, filters: QueryParams): Attributes {
  const [looking, setLooking] = useState(false)
  const query = useQuery(looking ? selection : null, async (signal) => {
    const asked = { ...filters, limit: 1, count: false }
    return (await fetchLog(orgId, asked, signal)).filterAttributes ?? undefined
  })
  return {
    values: query.data,
    counting: query.loading,
    slow: query.slow,
    failed: query.error?.message ?? null,
    look: useCallback((now: boolean) => setLooking(now), []),
  }
}
