/**
 * CSV cells: RFC 4180, with names guarded against formula injection (OWASP ASVS 1.2.10).
 *
 * A name that a spreadsheet would read as a formula gets a leading apostrophe, because names are
 * for people. Ids, keys and addresses stay unchanged, because programs join by them; one public key
 * of 64 begins with +.
 */
import type { Field, SessionRow } from './fields.js'

const FORMULA_START = /^[=+\-@\t\r\n]/
const NEEDS_QUOTES = /[",\r\n]/

type CsvValue = string | number | boolean | null

export const CSV_LINE_END = '\r\n'

export function csvHeader(fields: readonly Pick<Field, 'name'>[]): string {
  return fields.map((f) => f.name).join(',') + CSV_LINE_END
}

/** Null is an empty cell and an empty text is `""`, so that the two differ. */
export function csvCell(value: CsvValue): string {
  if (value === null) return ''
  if (typeof value !== 'string') return String(value)
  if (value === '') return '""'
  return NEEDS_QUOTES.test(value) ? `"${value.replaceAll('"', '""')}"` : value
}

/** The cell of a name. */
export function csvName(value: CsvValue): string {
  return csvCell(typeof value === 'string' && FORMULA_START.test(value) ? `'${value}` : value)
}

export function csvField(field: Pick<Field, 'isName'>, value: CsvValue): string {
  return field.isName === true ? csvName(value) : csvCell(value)
}

export function csvLine(fields: readonly Field[], row: SessionRow): string {
  return fields.map((f) => csvField(f, f.read(row))).join(',') + CSV_LINE_END
}
