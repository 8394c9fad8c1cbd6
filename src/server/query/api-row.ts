/** A row of the log as the API gives it: the fields of session/fields.ts, then Pangolin's names for the same. */
import { FIELDS, type Field, type SessionRow } from '../../session/fields.js'
import type { LogRow } from '../store/store.js'

export type ApiRow = Record<string, string | number | boolean | null>

/** Fields that a stored row reads otherwise than one that a meter just measured. */
const STORED_READS: Readonly<
  Record<string, (row: LogRow, plain: Field['read']) => ReturnType<Field['read']>>
> = {
  // An interrupted session has ended as far as anybody can know, at its last report.
  duration: (row) => (row.open ? null : Math.round((row.endTimeUs - row.startTimeUs) / 1e3) / 1e3),
  // Access logs that were consolidated know no source port.
  sourceAddr: (row, plain) => (row.sourcePort === 0 ? row.sourceIp : plain(readable(row))),
  destAddr: (row, plain) => (row.destPort === 0 ? row.destIp : plain(readable(row))),
  communityId: (row, plain) =>
    row.sourcePort === 0 || row.destPort === 0 ? null : plain(readable(row)),
}

/** A LogRow has all that the fields read; what access logs do not know is null, which every field passes on. */
function readable(row: LogRow): SessionRow {
  return row as unknown as SessionRow
}

export interface LogField extends Omit<Field, 'read'> {
  readonly read: (row: LogRow) => ReturnType<Field['read']>
}

const INTERRUPTED: LogField = {
  name: 'interrupted',
  type: 'boolean',
  nullable: false,
  documented: false,
  help: 'The meter stopped before it could report the end; endTime is that of its last report.',
  read: (row) => row.interrupted,
}

const USER_EMAIL: LogField = {
  name: 'userEmail',
  type: 'text',
  nullable: true,
  documented: false,
  help: 'By the catalog.',
  isName: true,
  read: (row) => row.userEmail,
}

/** What exports hold and the API's rows begin with. */
export const LOG_FIELDS: readonly LogField[] = [
  ...FIELDS.map((field): LogField => {
    const stored = STORED_READS[field.name]
    const read = stored === undefined ? field.read : (row: LogRow) => stored(row, field.read)
    return { ...field, read: read as LogField['read'] }
  }),
  INTERRUPTED,
  USER_EMAIL,
]

export function apiRow(row: LogRow): ApiRow {
  const out: ApiRow = {}
  for (const field of LOG_FIELDS) out[field.name] = field.read(row)
  out.startedAt = Math.floor(row.startTimeUs / 1e6)
  out.endedAt = row.open ? null : Math.floor(row.endTimeUs / 1e6)
  return out
}
