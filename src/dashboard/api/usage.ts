import type { Group } from '../state/groups.js'
import { request } from './client.js'
import type { UsageRow } from './types.js'

/** Months are UTC, `2026-11`, both inclusive. Totals stay when retention has deleted the sessions. */
export async function fetchUsage(
  orgId: string,
  query: { readonly from: string; readonly to: string; readonly groupBy: Group },
  signal: AbortSignal,
): Promise<readonly UsageRow[]> {
  const path = `/org/${encodeURIComponent(orgId)}/usage`
  return (await request<{ usage: readonly UsageRow[] }>(path, { query, signal })).usage
}
