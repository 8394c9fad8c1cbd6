/**
 * A retention that was made shorter deletes only after a day, so that a slip can be taken back. What is stored from then
 * on follows the new one at once: 0 stores nothing.
 */

const FOR_EVER = -1
const DAY_MS = 86_400_000
export const GRACE_MS = DAY_MS

export interface Grace {
  readonly days: number
  readonly untilMs: number
}

interface Kept {
  readonly retentionDays: number
  readonly grace?: Grace
}

export function isShorter(days: number, than: number): boolean {
  return days !== FOR_EVER && (than === FOR_EVER || days < than)
}

/** The retention by which is deleted now. */
export function deletionDays({ retentionDays, grace }: Kept, nowMs: number): number {
  if (grace === undefined || nowMs >= grace.untilMs) return retentionDays
  return isShorter(retentionDays, grace.days) ? grace.days : retentionDays
}

/** Sessions that ended before this are deleted, microseconds since 1970; not for a retention without end. */
export function deletionCutUs(days: number, nowMs: number): number {
  return days === 0 ? Number.MAX_SAFE_INTEGER : (nowMs - days * DAY_MS) * 1e3
}

/** Of a change to `days`; undefined: nothing that is kept now would be deleted by it. */
export function graceFor(old: Kept | undefined, days: number, nowMs: number): Grace | undefined {
  if (old === undefined) return undefined
  const kept = deletionDays(old, nowMs)
  return isShorter(days, kept) ? { days: kept, untilMs: nowMs + GRACE_MS } : undefined
}
