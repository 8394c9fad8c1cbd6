/** A row of the log as the API gives it: the fields of session/fields.ts, then Pangolin's names for the same. */
import { FIELDS, type SessionRow } from '../session/fields.js'
import type { LogRow } from '../store/store.js'

export type ApiRow = Record<string, string | number | boolean | null>

/** What exports hold and the API's rows begin with. */
export const EXPORT_FIELDS = [
  ...FIELDS,
  {
    name: 'interrupted',
    type: 'boolean',
    nullable: false,
    documented: false,
    help: 'The meter stopped before it could report the end; endTime is that of its last report.',
    read: (row: SessionRow) => (row as unknown as LogRow).interrupted,
  },
] as typeof FIELDS

/** An interrupted session has ended as far as anybody can know: its duration is that of its last report. */
export function readRow(row: LogRow): SessionRow {
  return (row.interrupted ? { ...row, endReason: 'forcedEnd' } : row) as unknown as SessionRow
}

export function apiRow(row: LogRow): ApiRow {
  const source = readRow(row)
  const out: ApiRow = {}
  for (const field of EXPORT_FIELDS) out[field.name] = field.read(source)
  out.endReason = row.endReason
  out.startedAt = Math.floor(row.startTimeUs / 1e6)
  out.endedAt = row.open ? null : Math.floor(row.endTimeUs / 1e6)
  out.userEmail = row.userEmail
  return out
}
