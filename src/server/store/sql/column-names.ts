/** Names of columns in SQL. */

/** The column of a field: `clientId` is in `client_id`. */
export function columnName(field: string): string {
  return field.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)
}

/** The inverse of columnName(). */
export function fieldName(column: string): string {
  return column.replace(/_[a-z]/g, (c) => c.charAt(1).toUpperCase())
}
