/** CSV (RFC 4180) of what a page has in hand; the log itself is exported by the server. */
export type Cell = string | number | null

/** A text that a spreadsheet would take for a formula is made a text (OWASP ASVS 1.2.10); numbers are left alone. */
function cellText(cell: Cell): string {
  if (cell === null) return ''
  if (typeof cell === 'number') return String(cell)
  const guarded = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell
  return /[",\r\n]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded
}

export function toCsv(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map(cellText).join(',')}\r\n`).join('')
}
