/** Turns sessions into events: in the format of the destination, with the fields that it asks for. */
import { TIME_US_MAX } from '../../session/bounds.js'
import { SESSION_FIELDS, type SessionField } from '../../session/session-table.js'
import { LOG_FIELDS } from '../query/api-row.js'
import { parseAddress } from '../query/parameters.js'
import { termsOf } from '../query/terms.js'
import type { LogFilter, LogRow } from '../store/store.js'
import type { SentRow } from './rows.js'

export const COLUMN_NAMES = LOG_FIELDS.map(({ name }) => name)

/**
 * Makes an event as an object that JSON.stringify() writes. All events of one writer begin with the same key.
 * @param isTest marks the event as a test
 */
export type EventWriter = (row: LogRow, isTest?: boolean) => object

/** An event as the receiver of its kind expects it: JSON, or bytes if the kind has an encoder. */
export type EventBody = string | Buffer
export type EventEncoder = (row: SentRow, isTest?: boolean) => Buffer

/** Rows and their events, both with pseudonyms if the destination asks for them. */
export interface Presented<Body extends EventBody = EventBody> {
  readonly rows: readonly SentRow[]
  readonly events: readonly Body[]
}
/** @throws AppError SECRETS_LOST */
export type Presenter<Body extends EventBody = EventBody> = (
  rows: readonly SentRow[],
  isTest?: boolean,
) => Presented<Body>

/** So many events are made at once. Some of them may not fit in the attempt, and are made again for the next one. */
const EVENTS_AT_ONCE = 100

/**
 * The JSON text of each event. One text of all, cut apart, takes half the time of single ones.
 *
 * `},{"` and the first key can only be the border of two events: within a text, a quote follows a backslash, and after
 * the quote that ends a text comes no key.
 */
export function jsonOf(events: readonly object[]): string[] {
  if (events.length === 0) return []
  const text = JSON.stringify(events)
  const border = `},${text.slice(1, text.indexOf(':') + 1)}`
  const texts: string[] = []
  let from = 1
  for (let at = text.indexOf(border); at !== -1; at = text.indexOf(border, at + 1)) {
    texts.push(text.slice(from, at + 1))
    from = at + 2
  }
  texts.push(text.slice(from, -1))
  return texts
}

/** The rows that fit in one attempt. There is always at least one, even if it exceeds bytesMax. */
export function fitting(
  rows: readonly SentRow[],
  present: Presenter,
  { eventsMax, bytesMax }: { readonly eventsMax: number; readonly bytesMax: number },
): { readonly rows: SentRow[]; readonly events: EventBody[] } {
  const fit = { rows: [] as SentRow[], events: [] as EventBody[] }
  const most = Math.min(rows.length, eventsMax)
  let bytes = 0
  while (fit.rows.length < most) {
    const from = fit.rows.length
    const made = present(rows.slice(from, Math.min(most, from + EVENTS_AT_ONCE)))
    for (const [i, event] of made.events.entries()) {
      bytes += Buffer.byteLength(event) + 1
      if (fit.rows.length > 0 && bytes > bytesMax) return fit
      fit.rows.push(made.rows[i]!)
      fit.events.push(event)
    }
  }
  return fit
}

/** The texts one after the other, in much less time than Buffer.from(texts.join(…)). */
export function joined(texts: readonly string[], between: string, end = ''): Buffer {
  const lengths = texts.map((text) => Buffer.byteLength(text))
  const gaps = Buffer.byteLength(between) * Math.max(0, texts.length - 1)
  const bytes = Buffer.allocUnsafe(
    lengths.reduce((sum, one) => sum + one, gaps + Buffer.byteLength(end)),
  )
  let at = 0
  for (const [i, text] of texts.entries()) {
    if (i > 0 && between !== '') at += bytes.write(between, at)
    at += bytes.write(text, at)
  }
  bytes.write(end, at)
  return bytes
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
