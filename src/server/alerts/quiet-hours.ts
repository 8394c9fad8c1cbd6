/** Quiet hours: from a time of the day to another one, which may be on the next day. */
import type { Quiet } from './alert.js'

export function isQuiet(quiet: Quiet | null, nowMs: number): boolean {
  if (quiet === null) return false
  const { from, to, timeZone } = quiet
  const format = new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
  })
  const now = format.format(nowMs)
  return from < to ? from <= now && now < to : from <= now || now < to
}
