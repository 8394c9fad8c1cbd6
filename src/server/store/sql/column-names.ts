/** Names of columns in SQL. */

/** The column of a field: `clientId` is in `client_id`. */
export function columnName(field: string): string {
  return field.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)
}

/** The inverse of columnName(). */
export function fieldName(column: string): string {
  return column.replace(/_[a-z]/g, (c) => c.charAt(1).toUpperCase())
}

/** Columns that are no fields. Readers make these fields from them. */
const MADE_OF: Readonly<Record<string, string>> = {
  run: 'sessionId',
  start_us: 'startTimeUs',
  duration_us: 'endTimeUs',
  headers_tx: 'payloadTx',
  headers_rx: 'payloadRx',
  is_open: 'open',
  is_interrupted: 'interrupted',
}

/** The field of a row that a reader fills from the column. */
export function rowFieldOf(column: string): string {
  return MADE_OF[column] ?? fieldName(column)
}
