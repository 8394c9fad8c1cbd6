/** The zone of all times that the page shows and reads: the browser's or UTC. state/zone.ts chooses it. */
import { type Calendar, LOCAL_CALENDAR, UTC_CALENDAR } from '../../base/calendar.js'
import { format } from '../texts/format.js'
import { dateFormatOf } from '../texts/language.js'

export const ZONES = ['browser', 'utc'] as const
export type Zone = (typeof ZONES)[number]

let current: Zone = 'browser'

export function setZone(zone: Zone): void {
  current = zone
}

export function calendar(): Calendar {
  return current === 'utc' ? UTC_CALENDAR : LOCAL_CALENDAR
}

/** Minutes that the zone is ahead of UTC at a time. */
export function utcOffset(ms: number): number {
  return current === 'utc' ? 0 : -new Date(ms).getTimezoneOffset()
}

/** A formatter in the zone and the language of the moment of its use. */
export function formatterOf(options: Intl.DateTimeFormatOptions): (ms: number) => string {
  const browser = dateFormatOf(options)
  const utc = dateFormatOf({ ...options, timeZone: 'UTC' })
  return (ms) => (current === 'utc' ? utc : browser)(ms)
}

/** `UTC`, `UTC+1`. */
export function shortZoneName(atMs: number, zone: Zone = current): string {
  if (zone === 'utc') return 'UTC'
  const offset = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'shortOffset' })
    .formatToParts(atMs)
    .find((part) => part.type === 'timeZoneName')?.value
  return offset?.replace('GMT', 'UTC') ?? format().local
}

/** `Europe/Berlin, UTC+1`. */
export function zoneName(atMs = Date.now(), zone: Zone = current): string {
  if (zone === 'utc') return 'UTC'
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions()
  const offset = shortZoneName(atMs, zone)
  return offset === timeZone ? timeZone : `${timeZone}, ${offset}`
}
