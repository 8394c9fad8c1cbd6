/** `native`: the fields of the API's rows and of an NDJSON export. */
import { nester } from '../../../session/field-code.js'
import { LOG_FIELDS, type LogField } from '../../query/api-row.js'
import type { EventWriter } from '../events.js'

export function nativeFields(columns: readonly string[] | null): readonly LogField[] {
  return columns === null ? LOG_FIELDS : LOG_FIELDS.filter(({ name }) => columns.includes(name))
}

export function nativeWriter(columns: readonly string[] | null): EventWriter {
  const fields = nativeFields(columns)
  const eventOf = nester(fields.map(({ name, read }) => [[name], read] as const))
  return (row, isTest) => (isTest ? { test: true, ...eventOf(row) } : eventOf(row))
}
