/**
 * Values to filter by, with their counts. Counting is the most expensive request of a page, so it runs only while a
 * list of values is open. Closing the list ends the count, in the server too.
 */

import { useCallback, useState } from 'preact/hooks'
import { OUTCOME_GROUPS, type OutcomeGroup } from '../../session/outcome-groups.js'
import type { QueryParams } from '../state/url.js'
import { faultText } from './fault-text.js'
import { fetchHistogram } from './histogram.js'
import { fetchLog } from './logs.js'
import { fetchSummary } from './summary.js'
import type { FilterAttributes, SummaryGroupRow } from './types.js'
import { useQuery } from './use-query.js'

export interface Values extends FilterAttributes {
  readonly ports: readonly SummaryGroupRow[]
  /** Sessions by outcome. */
  readonly outcomes: Readonly<Record<OutcomeGroup, number>>
}

export interface Attributes {
  /** While `counting`, the values of the selection before. Undefined before the first count. */
  readonly values: Values | undefined
  readonly counting: boolean
  readonly slow: boolean
  readonly failed: string | null
  /** Call it with true when a list opens, and with false when it closes. */
  look(looking: boolean): void
}

const PORTS_COUNTED = 30

/** @param selection a key of organisation, filters and time range; a change counts again */
export function useAttributes(orgId: string, selection: string, filters: QueryParams): Attributes {
  const [looking, setLooking] = useState(false)
  const query = useQuery(looking ? selection : null, async (signal) => {
    const asked = { ...filters, limit: 1, count: false }
    const byPort = { groupBy: 'port', by: 'sessions', top: PORTS_COUNTED, filters } as const
    const [{ filterAttributes }, { groups }, { outcomes }] = await Promise.all([
      fetchLog(orgId, asked, signal),
      fetchSummary(orgId, byPort, signal),
      fetchHistogram(orgId, { ...filters, bars: 2 }, signal),
    ])
    if (filterAttributes === null) return undefined
    const sum = (group: OutcomeGroup) => outcomes[group].sessions.reduce((all, n) => all + n, 0)
    const counts = OUTCOME_GROUPS.map((group) => [group, sum(group)])
    return { ...filterAttributes, ports: groups, outcomes: Object.fromEntries(counts) } as Values
  })
  return {
    values: query.data,
    counting: query.loading,
    slow: query.slow,
    failed: query.error === null ? null : faultText(query.error),
    look: useCallback((now: boolean) => setLooking(now), []),
  }
}
