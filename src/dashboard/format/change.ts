import { format } from '../texts/format.js'

/** The change against the range of the same length before: `+12 % on the time before`, `as before`, `none before`. */
export function changeOf(now: number, before: number): string {
  if (now === before) return format().asBefore
  if (before === 0) return format().noneBefore
  const percent = Math.round(((now - before) / before) * 100)
  return percent === 0 ? format().asBefore : format().changed(percent)
}
