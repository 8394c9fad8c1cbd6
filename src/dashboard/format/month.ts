/** Months as the API names them: UTC, `2026-11`. */
import { dateFormatOf } from '../texts/language.js'

const name = dateFormatOf({ month: 'long', year: 'numeric', timeZone: 'UTC' })
const shortName = dateFormatOf({ month: 'short', timeZone: 'UTC' })

export function monthOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 7)
}

function startOf(month: string): number {
  return Date.parse(`${month}-01T00:00:00Z`)
}

export function addMonths(month: string, count: number): string {
  const date = new Date(startOf(month))
  date.setUTCMonth(date.getUTCMonth() + count)
  return monthOf(date.getTime())
}

export function monthName(month: string): string {
  return name(startOf(month))
}

export function monthShort(month: string): string {
  return shortName(startOf(month))
}

export function monthSpan(month: string): { startMs: number; endMs: number } {
  return { startMs: startOf(month), endMs: startOf(addMonths(month, 1)) }
}
