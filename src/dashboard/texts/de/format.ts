import type { format as english } from '../en/format.js'
import { GERMAN } from '../language.js'

const { count, plural } = GERMAN

export const format: typeof english = {
  bytes: (bytes) => plural(bytes, 'Byte', 'Byte'),
  justNow: 'gerade eben',
  ago: (span) => `vor ${span}`,
  daysAgo: (days) => `vor ${plural(days, 'Tag', 'Tagen')}`,
  until: (span) => `in ${span}`,
  untilDays: (days) => `in ${plural(days, 'Tag', 'Tagen')}`,
  days: (days) => plural(days, 'Tag', 'Tage'),
  local: 'Ortszeit',
  asBefore: 'wie zuvor',
  noneBefore: 'zuvor keine',
  changed: (percent) => `${percent > 0 ? '+' : '−'}${count(Math.abs(percent))} % zur Zeit davor`,
  notKept: 'nicht aufbewahrt',
}
