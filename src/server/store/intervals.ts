/** Intervals of a summary, and months of usage. */
import { AppError } from '../../base/errors.js'
import { TIME_US_MAX, TIME_US_MIN } from '../../session/bounds.js'
import type { LogFilter } from './filter.js'
import type { SummaryInterval } from './sums.js'

export const INTERVALS_MAX = 3000
export const INTERVAL_US: Readonly<Record<Exclude<SummaryInterval, 'month'>, number>> = {
  minute: 60e6,
  '5minutes': 300e6,
  hour: 3600e6,
  day: 86400e6,
}

/** The starts of all intervals that overlap the range. @throws AppError TOO_MANY_INTERVALS */
export function intervalStarts(
  filter: Pick<LogFilter, 'fromUs' | 'toUs'>,
  interval: SummaryInterval | null,
): number[] {
  if (interval === null) return []
  const starts: number[] = []
  let at = floorTo(filter.fromUs, interval)
  while (at < filter.toUs) {
    starts.push(at)
    if (starts.length > INTERVALS_MAX) {
      throw new AppError(
        'TOO_MANY_INTERVALS',
        `interval: ${interval} makes more than ${INTERVALS_MAX} intervals of the range`,
        {
          hint: 'Use a longer interval or a shorter range.',
        },
      )
    }
    at = next(at, interval)
  }
  return starts
}

function floorTo(us: number, interval: SummaryInterval): number {
  if (interval !== 'month') return Math.floor(us / INTERVAL_US[interval]) * INTERVAL_US[interval]
  const date = new Date(us / 1e3)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth()) * 1e3
}

export function next(us: number, interval: SummaryInterval): number {
  if (interval !== 'month') return us + INTERVAL_US[interval]
  const date = new Date(us / 1e3)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1) * 1e3
}

/** Cuts a time to the storable range, because a month may have any year of four digits. */
export function storable(us: number): number {
  return Math.min(Math.max(us, TIME_US_MIN), TIME_US_MAX)
}
