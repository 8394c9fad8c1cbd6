/** CSV (RFC 4180) of what a page has in hand; the log itself is exported by the server. */
export type Cell = string | number | null

/** A text that a spreadsheet would take for a formula is made a text (OWASP ASVS 1.2.10); numbers are left alone. */
function guardedText(cell: Cell): string {
  if (cell === null) return ''
  if (typeof cell === 'number') return String(cell)
  return /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell
}

/** One row as a spreadsheet takes it from the clipboard, which has no quoting: what would end a cell is a space. */
export function toTabbed(row: readonly Cell[]): string {
  return row.map((cell) => guardedText(cell).replace(/[\t\r\n]+/g, ' ')).join('\t')
}

function cellText(cell: Cell): string {
  const guarded = guardedText(cell)
  if (typeof cell === 'number') return guarded
  return /[",\r\n]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded
}

export function toCsv(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map(cellText).join(',')}\r\n`).join('')
}
