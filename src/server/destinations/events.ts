/** Turns sessions into events: in the format of the destination, with the fields that it asks for. */
import { TIME_US_MAX } from '../../session/bounds.js'
import { SESSION_FIELDS, type SessionField } from '../../session/session-table.js'
import { LOG_FIELDS } from '../query/api-row.js'
import { parseAddress } from '../query/parameters.js'
import { termsOf } from '../query/terms.js'
import type { LogFilter, LogRow } from '../store/store.js'

export const COLUMN_NAMES = LOG_FIELDS.map(({ name }) => name)

/** Writes one line of JSON. @param isTest marks the event as a test */
export type EventWriter = (row: LogRow, isTest?: boolean) => string

/** A row and its event, both with pseudonyms if the destination asks for them. */
export interface Presented {
  readonly row: LogRow
  readonly event: string
}
/** @throws AppError SECRETS_LOST */
export type Presenter = (row: LogRow, isTest?: boolean) => Presented

/** The rows that fit in one attempt. There is always at least one, even if it exceeds bytesMax. */
export function fitting(
  rows: readonly LogRow[],
  present: Presenter,
  { eventsMax, bytesMax }: { readonly eventsMax: number; readonly bytesMax: number },
): { readonly rows: LogRow[]; readonly events: string[] } {
  const fit = { rows: [] as LogRow[], events: [] as string[] }
  let bytes = 0
  for (const one of rows) {
    if (fit.rows.length === eventsMax) break
    const { row, event } = present(one)
    bytes += Buffer.byteLength(event) + 1
    if (fit.rows.length > 0 && bytes > bytesMax) break
    fit.rows.push(row)
    fit.events.push(event)
  }
  return fit
}

/** @throws QueryFault */
export function filterOfQuery(query: string): LogFilter {
  return { fromUs: 0, toUs: TIME_US_MAX, ...termsOf(query, parseAddress) }
}

/** A row for tests. It belongs to no session and uses addresses reserved for documentation. */
export function testRow(orgId: string, nowUs: number): LogRow {
  const session = Object.fromEntries(
    Object.entries<SessionField>(SESSION_FIELDS).map(([name, field]) => [name, testValue(field)]),
  )
  return {
    ...session,
    ...{ sessionId: '0'.repeat(26), startTimeUs: nowUs, endTimeUs: nowUs },
    ...{ sourceIp: '192.0.2.1', sourcePort: 1024, destIp: '198.51.100.1', destPort: 443 },
    ...{ connState: 'SF', orgId, siteId: 0, meterId: 'test', open: false, interrupted: false },
    ...{ clientName: null, userName: null, userEmail: null, resourceName: null, siteName: null },
    otherClientName: null,
  } as unknown as LogRow
}

function testValue(field: SessionField): unknown {
  if (field.nullable) return null
  if (field.type === 'enum') return field.words[0]
  return field.type === 'integer' ? field.min : field.type === 'boolean' ? false : 'test'
}
