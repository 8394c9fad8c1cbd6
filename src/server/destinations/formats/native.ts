/** `native`: the fields of the API's rows and of an NDJSON export. */
import { LOG_FIELDS } from '../../query/api-row.js'
import type { EventWriter } from '../events.js'

export function nativeWriter(columns: readonly string[] | null): EventWriter {
  const fields =
    columns === null ? LOG_FIELDS : LOG_FIELDS.filter(({ name }) => columns.includes(name))
  return (row, isTest) => {
    const event: Record<string, unknown> = isTest ? { test: true } : {}
    for (const { name, read } of fields) event[name] = read(row)
    return JSON.stringify(event)
  }
}
