/** The fields of exports: those of session/fields.ts as a stored row has them, then two more. */
import { FIELDS, type Field, type SessionRow } from '../../session/fields.js'
import type { LogRow } from './session-log.js'

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

export const EXPORT_FIELDS: readonly string[] = LOG_FIELDS.map((field) => field.name)
