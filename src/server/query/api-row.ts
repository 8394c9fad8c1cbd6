/**
 * A row of the log in the API: the fields of session/fields.ts, then `startedAt` and `endedAt` as Pangolin names them.
 */
import { LOG_FIELDS } from '../store/export-fields.js'
import type { LogRow } from '../store/store.js'

export type ApiRow = Record<string, string | number | boolean | null>

export { LOG_FIELDS, type LogField } from '../store/export-fields.js'

export function apiRow(row: LogRow): ApiRow {
  const out: ApiRow = {}
  for (const field of LOG_FIELDS) out[field.name] = field.read(row)
  out.startedAt = Math.floor(row.startTimeUs / 1e6)
  out.endedAt = row.open ? null : Math.floor(row.endTimeUs / 1e6)
  return out
}
