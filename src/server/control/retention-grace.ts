/**
 * The delay of a shortened retention: it deletes only after GRACE_MS (24 h), so a mistake can be undone. New sessions
 * follow the new retention at once: 0 stores nothing.
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

/** The retention that decides what is deleted now. */
export function deletionDays({ retentionDays, grace }: Kept, nowMs: number): number {
  if (grace === undefined || nowMs >= grace.untilMs) return retentionDays
  return isShorter(retentionDays, grace.days) ? grace.days : retentionDays
}

/** Sessions that ended before this time (microseconds since 1970) are deleted. Not for -1 (for ever). */
export function deletionCutUs(days: number, nowMs: number): number {
  return days === 0 ? Number.MAX_SAFE_INTEGER : (nowMs - days * DAY_MS) * 1e3
}

/** The delay for a change to `days`; undefined: the change deletes nothing that is kept now. */
export function graceFor(old: Kept | undefined, days: number, nowMs: number): Grace | undefined {
  if (old === undefined) return undefined
  const kept = deletionDays(old, nowMs)
  return isShorter(days, kept) ? { days: kept, untilMs: nowMs + GRACE_MS } : undefined
}
