/**
 * A row of the log in the API: the fields of session/fields.ts, then `startedAt` and `endedAt` as Pangolin names them.
 */
import { FIELDS, type Field, type SessionRow } from '../../session/fields.js'
import type { LogRow } from '../store/store.js'

export type ApiRow = Record<string, string | number | boolean | null>

/** Fields whose values differ between a stored row and a meter's own session. */
const STORED_READS: Readonly<
  Record<string, (row: LogRow, plain: Field['read']) => ReturnType<Field['read']>>
> = {
  // An interrupted session counts as ended at its last report.
  duration: (row) => (row.open ? null : Math.round((row.endTimeUs - row.startTimeUs) / 1e3) / 1e3),
  // Consolidated access logs have no source port.
  sourceAddr: (row, plain) => (row.sourcePort === 0 ? row.sourceIp : plain(readable(row))),
  destAddr: (row, plain) => (row.destPort === 0 ? row.destIp : plain(readable(row))),
  communityId: (row, plain) =>
    row.sourcePort === 0 || row.destPort === 0 ? null : plain(readable(row)),
}

/** A LogRow has every field's inputs. Values that access logs do not know are null, and every field passes null on. */
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

/** The fields of exports, which are also the first fields of the API's rows. */
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
