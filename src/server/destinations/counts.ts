/** Counts attempts by class: per hour for 24 hours, and per day for 30 days. */
import { type AttemptClass, classOf, type Outcome } from './outcome.js'
import type { AttemptCounts, DestinationState } from './records.js'

const HOURS = 24
const DAYS = 30
const HOUR_MS = 3600e3
const DAY_MS = 24 * HOUR_MS

type Buckets = DestinationState['hours']

export function countAttempts(
  { hours, days }: Pick<DestinationState, 'hours' | 'days'>,
  attempts: readonly Outcome[],
  nowMs: number,
): Pick<DestinationState, 'hours' | 'days'> {
  const classes = attempts.map(classOf)
  return {
    hours: add(hours, classes, { nowMs, widthMs: HOUR_MS, most: HOURS }),
    days: add(days, classes, { nowMs, widthMs: DAY_MS, most: DAYS }),
  }
}

function add(
  buckets: Buckets,
  classes: readonly AttemptClass[],
  { nowMs, widthMs, most }: { nowMs: number; widthMs: number; most: number },
): Buckets {
  const key = new Date(Math.floor(nowMs / widthMs) * widthMs).toISOString()
  const counts: Record<string, number> = { ...buckets[key] }
  for (const name of classes) counts[name] = (counts[name] ?? 0) + 1
  const all = Object.entries({ ...buckets, [key]: counts })
  return Object.fromEntries(all.filter(([at]) => Date.parse(at) > nowMs - most * widthMs))
}

/** The attempts of the last 24 hours or 30 days. */
export function totalOf(buckets: Buckets, nowMs: number, span: 'day' | 'month'): AttemptCounts {
  const from = nowMs - (span === 'day' ? HOURS * HOUR_MS : DAYS * DAY_MS)
  const sums: Record<string, number> = {}
  for (const [at, counts] of Object.entries(buckets)) {
    if (Date.parse(at) <= from) continue
    for (const [name, n] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + (n ?? 0)
  }
  return sums
}
