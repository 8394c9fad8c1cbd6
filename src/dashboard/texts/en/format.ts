/** Times, durations and shares. */
import { ENGLISH } from '../language.js'

const { count, plural } = ENGLISH

export const format = {
  bytes: (bytes: number) => plural(bytes, 'byte', 'bytes'),
  justNow: 'just now',
  ago: (span: string) => `${span} ago`,
  daysAgo: (days: number) => `${plural(days, 'day', 'days')} ago`,
  until: (span: string) => `in ${span}`,
  untilDays: (days: number) => `in ${plural(days, 'day', 'days')}`,
  days: (days: number) => plural(days, 'day', 'days'),
  local: 'local',
  asBefore: 'as before',
  noneBefore: 'none before',
  /** @param percent with its sign */
  changed: (percent: number) =>
    `${percent > 0 ? '+' : '−'}${count(Math.abs(percent))} % on the time before`,
  notKept: 'not kept',
}
