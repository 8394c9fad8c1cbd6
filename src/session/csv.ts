/**
 * CSV cells: RFC 4180, guarded against formula injection (OWASP ASVS 1.2.10).
 *
 * A text cell that a spreadsheet would take for a formula gets a leading apostrophe. Numbers are never text, so
 * nothing that can be added up is touched.
 */
import type { Field, SessionRow } from './fields.js'

const FORMULA_START = /^[=+\-@\t\r\n]/
const NEEDS_QUOTES = /[",\r\n]/

export const CSV_LINE_END = '\r\n'

export function csvHeader(fields: readonly Pick<Field, 'name'>[]): string {
  return fields.map((f) => f.name).join(',') + CSV_LINE_END
}

/** A null is an empty cell; a text of no characters is `""`, so that the two differ. */
export function csvCell(value: string | number | boolean | null): string {
  if (value === null) return ''
  if (typeof value !== 'string') return String(value)
  const guarded = FORMULA_START.test(value) ? `'${value}` : value
  if (guarded === '') return '""'
  return NEEDS_QUOTES.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded
}

export function csvLine(fields: readonly Field[], row: SessionRow): string {
  return fields.map((f) => csvCell(f.read(row))).join(',') + CSV_LINE_END
}
