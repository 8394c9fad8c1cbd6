/**
 * Time ranges as people type them: `-3h`, `yesterday`, `yesterday 18:00 to 08:00`, `2026-11-01 09:00 to 17:30`, `Oct`;
 * or in German: `gestern 18:00 bis 08:00`, `Okt`.
 */
import { type MomentFaultCode, parseMoment } from '../../session/moment.js'
import { calendar } from '../format/zone.js'
import type { Span } from './range.js'

export type RangeFaultCode = MomentFaultCode | 'endFirst' | 'notBegun'

export class RangeFault extends Error {
  readonly code: RangeFaultCode
  constructor(code: RangeFaultCode) {
    super(code)
    this.code = code
  }
}

const AGO = /^-?(\d+[smhdw])$/
const DAY = /^(?:today|yesterday|\d{4}-\d\d-\d\d)$/
const MONTH = /^([a-zä]{3,9})(?: (\d{4}))?$/
const MONTHS = [
  ...[['january', 'januar'], ['february', 'februar'], ['march', 'märz'], ['april']],
  ...[['may', 'mai'], ['june', 'juni'], ['july', 'juli'], ['august'], ['september']],
  ...[['october', 'oktober'], ['november'], ['december', 'dezember']],
]
const GERMAN: Readonly<Record<string, string>> = {
  heute: 'today',
  gestern: 'yesterday',
  jetzt: 'now',
  bis: 'to',
}
const CLOCK = /^\d{1,2}:\d\d(?::\d\d)?$/

const TIME_TERM = /(^|\s)time:(?:"([^"]*)"?|(\S*))/i

/** Cuts `time:7d` or `time:"yesterday 18:00 to 08:00"` out of a query: it sets the time range, and is no filter. */
export function splitTime(text: string): { readonly time: string | null; readonly rest: string } {
  const [found, , quoted, bare] = TIME_TERM.exec(text) ?? []
  if (found === undefined) return { time: null, rest: text }
  return { time: quoted ?? bare ?? '', rest: text.replace(found, ' ').trim() }
}

/** @throws RangeFault, MomentFault */
export function spanOfText(text: string, nowMs: number): Span {
  const [from = '', to, ...more] = text
    .trim()
    .toLowerCase()
    .replace(/\b(?:heute|gestern|jetzt|bis)\b/g, (word) => GERMAN[word]!)
    .split(/\s+to\s+|\s*–\s*|\s+-\s+/)
  if (more.length > 0) throw new RangeFault('expected')
  const month = to === undefined ? monthSpan(from, nowMs) : null
  if (month !== null) return month
  const startMs = momentOf(CLOCK.test(from) ? `today ${from}` : from, nowMs)
  const endMs = to === undefined ? endOf(from, startMs, nowMs) : endAt(to, startMs, nowMs)
  if (startMs >= endMs) throw new RangeFault('endFirst')
  return { startMs, endMs }
}

function momentOf(text: string, nowMs: number): number {
  return Date.parse(parseMoment(text.replace(AGO, '$1'), nowMs, calendar()))
}

/** The whole month, at most until now; without a year, the latest one that has begun. Null: the text names no month. */
function monthSpan(text: string, nowMs: number): Span | null {
  const [, name = '-', year] = MONTH.exec(text) ?? []
  const month = MONTHS.findIndex((names) => names.some((one) => one.startsWith(name)))
  if (month < 0) return null
  const now = calendar().at(nowMs)
  const latest = now.year - (month > now.month ? 1 : 0)
  const first = year === undefined ? latest : Number(year)
  const startMs = calendar().ms(first, month, 1)
  if (startMs > nowMs) throw new RangeFault('notBegun')
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
