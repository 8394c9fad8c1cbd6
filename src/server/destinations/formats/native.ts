/** `native`: the fields of the API's rows and of an NDJSON export. */
import { LOG_FIELDS, type LogField } from '../../query/api-row.js'
import type { EventWriter } from '../events.js'

export function nativeFields(columns: readonly string[] | null): readonly LogField[] {
  return columns === null ? LOG_FIELDS : LOG_FIELDS.filter(({ name }) => columns.includes(name))
}

export function nativeWriter(columns: readonly string[] | null): EventWriter {
  const fields = nativeFields(columns)
  return (row, isTest) => {
    const event: Record<string, unknown> = isTest ? { test: true } : {}
    for (const { name, read } of fields) event[name] = read(row)
    return JSON.stringify(event)
  }
}
