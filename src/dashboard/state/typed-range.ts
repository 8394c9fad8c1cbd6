/** Time ranges as people type them: `-3h`, `yesterday`, `yesterday 18:00 to 08:00`, `2026-11-01 09:00 to 17:30`, `Oct`. */
import { parseMoment } from '../../session/moment.js'
import { calendar } from '../format/zone.js'
import type { Span } from './range.js'

export const TYPED_EXPECTED =
  'Expected a time as in -3h, yesterday, 2026-11-01, yesterday 18:00 to 08:00, 2026-11-01 09:00 to 2026-11-02 17:30, Oct or Oct 2025.'

const AGO = /^-?(\d+[smhdw])$/
const DAY = /^(?:today|yesterday|\d{4}-\d\d-\d\d)$/
const MONTH = /^([a-z]{3,9})(?: (\d{4}))?$/
const MONTHS = [
  ...['january', 'february', 'march', 'april', 'may', 'june'],
  ...['july', 'august', 'september', 'october', 'november', 'december'],
]
const CLOCK = /^\d{1,2}:\d\d(?::\d\d)?$/

/** @throws Error with the expected forms */
export function spanOfText(text: string, nowMs: number): Span {
  const [from = '', to, ...more] = text
    .trim()
    .toLowerCase()
    .split(/\s+to\s+|\s*–\s*|\s+-\s+/)
  if (more.length > 0) throw new Error(TYPED_EXPECTED)
  const month = to === undefined ? monthSpan(from, nowMs) : null
  if (month !== null) return month
  const startMs = momentOf(CLOCK.test(from) ? `today ${from}` : from, nowMs)
  const endMs = to === undefined ? endOf(from, startMs, nowMs) : endAt(to, startMs, nowMs)
  if (startMs >= endMs) throw new Error('The end must be after the start.')
  return { startMs, endMs }
}

function momentOf(text: string, nowMs: number): number {
  return Date.parse(parseMoment(text.replace(AGO, '$1'), nowMs, calendar()))
}

/** The whole month, at most until now; without a year, the latest one that has begun. Null: the text names no month. */
function monthSpan(text: string, nowMs: number): Span | null {
  const [, name = '-', year] = MONTH.exec(text) ?? []
  const month = MONTHS.findIndex((one) => one.startsWith(name))
  if (month < 0) return null
  const now = calendar().at(nowMs)
  const latest = now.year - (month > now.month ? 1 : 0)
  const first = year === undefined ? latest : Number(year)
  const startMs = calendar().ms(first, month, 1)
  if (startMs > nowMs) throw new Error('This month has not begun.')
  return {
    startMs: Math.max(0, startMs),
    endMs: Math.min(nowMs, calendar().ms(first, month + 1, 1)),
  }
}

/** The end of a range that names its start only: a day's midnight, but not after now; otherwise now. */
function endOf(from: string, startMs: number, nowMs: number): number {
  if (!DAY.test(from)) return nowMs
  const { year, month, day } = calendar().at(startMs)
  const next = calendar().ms(year, month, day + 1)
  return Math.min(next, Math.max(nowMs, startMs))
}

/** A clock time alone means its next occurrence after the start. */
function endAt(to: string, startMs: number, nowMs: number): number {
  if (!CLOCK.test(to)) return momentOf(to, nowMs)
  const clock = to.padStart(to.length + (to.indexOf(':') === 1 ? 1 : 0), '0')
  const atClock = (days: number) => {
    const { year, month, day } = calendar().at(startMs)
    const on = calendar().at(calendar().ms(year, month, day + days))
    const two = (n: number) => String(n).padStart(2, '0')
    const date = `${on.year}-${two(on.month + 1)}-${two(on.day)}`
    return momentOf(`${date} ${clock}`, nowMs)
  }
  const sameDay = atClock(0)
  return sameDay > startMs ? sameDay : atClock(1)
}
