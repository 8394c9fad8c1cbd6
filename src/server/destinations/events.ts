/** Sessions as the events that leave: the rows of an export, with the fields that the destination wants. */
import { TIME_US_MAX } from '../../session/bounds.js'
import { LOG_FIELDS, type LogField } from '../query/api-row.js'
import { parseAddress } from '../query/parameters.js'
import { termsOf } from '../query/terms.js'
import type { LogFilter, LogRow } from '../store/store.js'

export const COLUMN_NAMES = LOG_FIELDS.map(({ name }) => name)

/** @throws QueryFault */
export function filterOfQuery(query: string): LogFilter {
  return { fromUs: 0, toUs: TIME_US_MAX, ...termsOf(query, parseAddress) }
}

/** Each as one line of JSON. */
export function eventWriter(columns: readonly string[] | null): (row: LogRow) => string {
  const fields =
    columns === null ? LOG_FIELDS : LOG_FIELDS.filter(({ name }) => columns.includes(name))
  return (row) => {
    const event: Record<string, unknown> = {}
    for (const { name, read } of fields) event[name] = read(row)
    return JSON.stringify(event)
  }
}

/** Of no session: `test` is true in it, and in no other. */
export function testEvent(columns: readonly string[] | null): string {
  const fields = LOG_FIELDS.filter(({ name }) => columns === null || columns.includes(name))
  const event = Object.fromEntries(fields.map((field) => [field.name, emptyValue(field)]))
  return JSON.stringify({ test: true, ...event })
}

function emptyValue({ nullable, type }: LogField): unknown {
  if (nullable) return null
  return type === 'text' ? 'test' : type === 'boolean' ? false : 0
}
