/**
 * Parses times as people write them, for commands and the dashboard. An ambiguous text is refused.
 * A time without a zone is of the calendar: by default local (TZ), as in the tables of the commands.
 */
import { type Calendar, LOCAL_CALENDAR } from '../base/calendar.js'
import { isoTimeUs } from './bounds.js'

const UNITS_MS: Readonly<Record<string, number>> = {
  s: 1e3,
  m: 60e3,
  h: 3600e3,
  d: 86_400e3,
  w: 7 * 86_400e3,
}

/** What is wrong with a time; the message says it in English, with what is expected. */
export type MomentFaultCode = 'expected' | 'noSuchDay' | 'skipped'

export class MomentFault extends Error {
  readonly code: MomentFaultCode
  constructor(code: MomentFaultCode, message: string) {
    super(message)
    this.code = code
  }
}

export const MOMENT_EXPECTED =
  'expected a time as in 24h (24 hours ago), yesterday, "yesterday 18:00", 2026-11-01, "2026-11-01 18:00" (local time), 2026-11-01T18:00:00Z or now'

const DAYS_BACK: Readonly<Record<string, number>> = { today: 0, yesterday: 1 }
const CLOCK = String.raw`(\d{1,2}):(\d\d)(?::(\d\d))?`
const AGO = /^(\d{1,6})([smhdw])$/
const NAMED_DAY = new RegExp(`^(today|yesterday)(?: ${CLOCK})?$`)
const LOCAL = new RegExp(String.raw`^(\d{4})-(\d\d)-(\d\d)(?:[ T]${CLOCK})?$`)
const ZONED = /^\d{4}-\d\d-\d\d[ Tt]\d\d:\d\d.*(?:[Zz]|[+-]\d\d:?\d\d)$/

/**
 * Returns ISO 8601 in UTC for the API, or a time with a zone as it came.
 * @throws MomentFault that says what is expected
 */
export function parseMoment(text: string, nowMs: number, calendar = LOCAL_CALENDAR): string {
  const input = text.trim()
  if (input === 'now') return iso(nowMs)
  const ago = AGO.exec(input)
  if (ago !== null) return iso(bounded(nowMs - Number(ago[1]) * UNITS_MS[ago[2]!]!))
  const named = NAMED_DAY.exec(input)
  if (named !== null) {
    const { year, month, day } = calendar.at(nowMs)
    const back = DAYS_BACK[named[1]!]!
    return iso(calendarMs(calendar, [year, month, day - back], named.slice(2)))
  }
  const local = LOCAL.exec(input)
  if (local !== null) {
    const [year, month, day] = local.slice(1, 4).map(Number) as [number, number, number]
    const days = new Date(Date.UTC(year, month, 0)).getUTCDate()
    if (month < 1 || month > 12 || day < 1 || day > days)
      throw new MomentFault('noSuchDay', `there is no such day; ${MOMENT_EXPECTED}`)
    // Date reads years below 100 as years of the last century.
    return iso(calendarMs(calendar, [Math.max(year, 1969), month - 1, day], local.slice(4)))
  }
  const zoned = ZONED.test(input) ? input.replace(' ', 'T') : undefined
  if (zoned === undefined || isoTimeUs(zoned) === undefined)
    throw new MomentFault('expected', MOMENT_EXPECTED)
  return zoned
}

/** @throws MomentFault for a time that the clocks of this zone skip */
function calendarMs(
  calendar: Calendar,
  [year, month, day]: [number, number, number],
  clock: readonly (string | undefined)[],
): number {
  const [hour, minute, second] = clock.map((part) => Number(part ?? 0)) as [number, number, number]
  if (hour > 23 || minute > 59 || second > 59) throw new MomentFault('expected', MOMENT_EXPECTED)
  const ms = calendar.ms(year, month, day, hour, minute, second)
  const at = calendar.at(ms)
  // A day has no such check: some zones change their clocks at midnight, and such a day begins an
  // hour later.
  const isWholeDay = clock[0] === undefined
  if (!isWholeDay && (at.hour !== hour || at.minute !== minute))
    throw new MomentFault(
      'skipped',
      'that time does not exist in this zone: clocks are put forward then',
    )
  return bounded(ms)
}

function bounded(ms: number): number {
  return Math.max(0, ms)
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
