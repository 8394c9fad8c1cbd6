/** CSV (RFC 4180) of rows that a page has loaded. The server exports the log itself. */
export type Cell = string | number | null

/** Puts an apostrophe before a text that a spreadsheet would run as a formula (OWASP ASVS 1.2.10). Numbers stay. */
function guardedText(cell: Cell): string {
  if (cell === null) return ''
  if (typeof cell === 'number') return String(cell)
  return /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell
}

/** One row to paste into a spreadsheet. The format has no quoting, so tabs and line ends in a cell become a space. */
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
