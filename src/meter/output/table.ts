/**
 * Sessions as a table for people. Columns are sized by the first rows; later rows keep them and may stick out.
 * Columns that nothing is in (no catalog, no names) are left out. On a terminal that is too narrow names are cut, and
 * then whole columns go; when, who, what and how much each way stay, and an address is never cut.
 */
import { durationSeconds, isoUs, type SessionRow } from '../../session/fields.js'
import { formatEndpoint } from '../../session/session.js'
import { humanBytes, humanSeconds, type painter, type Style } from './human.js'
import type { RowWriter } from './row-writer.js'

const SIZED_BY_ROWS = 500
const SEPARATOR = '  '
/** A name cut below this says nothing any more. */
const NAME_MIN = 10

interface Column {
  readonly title: string
  readonly align: 'left' | 'right'
  readonly optional?: true
  readonly style?: Style
  /** May be cut, with an ellipsis, when the terminal is too narrow. */
  readonly shrinks?: true
  /** Left out when the terminal is too narrow, the lowest number first. */
  readonly goes?: number
  readonly read: (row: SessionRow) => string
}

const COLUMNS: readonly Column[] = [
  { title: 'STARTED', align: 'left', style: 'dim', read: (r) => shortTime(r.startTimeUs) },
  {
    title: 'CLIENT',
    align: 'left',
    optional: true,
    shrinks: true,
    style: 'cyan',
    goes: 5,
    read: (r) => r.clientName ?? '',
  },
  {
    title: 'USER',
    align: 'left',
    optional: true,
    shrinks: true,
    goes: 1,
    read: (r) => r.userName ?? r.userId ?? '',
  },
  {
    title: 'SOURCE',
    align: 'left',
    style: 'dim',
    read: (r) => formatEndpoint(r.sourceIp, r.sourcePort),
  },
  {
    title: 'RESOURCE',
    align: 'left',
    optional: true,
    shrinks: true,
    style: 'green',
    goes: 6,
    read: (r) => r.resourceName ?? '',
  },
  {
    title: 'DESTINATION',
    align: 'left',
    style: 'dim',
    read: (r) => formatEndpoint(r.destIp, r.destPort),
  },
  { title: 'PROTO', align: 'left', goes: 3, read: (r) => r.protocol },
  { title: 'DURATION', align: 'right', goes: 4, read: (r) => humanSeconds(durationSeconds(r)) },
  { title: 'SENT', align: 'right', style: 'bold', read: (r) => humanBytes(r.bytesTx) },
  { title: 'RECEIVED', align: 'right', style: 'bold', read: (r) => humanBytes(r.bytesRx) },
  { title: 'STATE', align: 'left', goes: 2, read: (r) => r.connState },
]

export interface TableOptions {
  readonly paint: ReturnType<typeof painter>
  /** Of the terminal; Infinity for a file. */
  readonly width: number
}

export class TableWriter implements RowWriter {
  readonly format = 'table'
  readonly #options: TableOptions
  #waiting: string[][] | null = []
  #columns: readonly { readonly column: Column; readonly index: number; readonly width: number }[] =
    []
  #text: string[] = []
  #length = 0

  constructor(options: TableOptions) {
    this.#options = options
  }

  get length(): number {
    return this.#length
  }

  take(): Uint8Array {
    const bytes = Buffer.from(this.#text.join(''))
    this.#text = []
    this.#length = 0
    return bytes
  }

  begin(): void {}

  row(row: SessionRow): void {
    const cells = COLUMNS.map((c) => plain(c.read(row)))
    if (this.#waiting === null) this.#line(cells)
    else if (this.#waiting.push(cells) >= SIZED_BY_ROWS) this.#size()
  }

  end(): void {
    this.#size()
  }

  #size(): void {
    const rows = this.#waiting
    this.#waiting = null
    if (rows === null || rows.length === 0) return
    const widths = COLUMNS.map((c, i) => Math.max(c.title.length, ...rows.map((r) => r[i]!.length)))
    const shown = COLUMNS.map((column, index) => ({ column, index, width: widths[index]! })).filter(
      ({ column, index }) => !column.optional || rows.some((r) => r[index] !== ''),
    )
    this.#columns = fit(shown, this.#options.width)
    const { paint } = this.#options
    this.#add(
      this.#columns.map(({ column, width }) => paint('bold', pad(column.title, width, column))),
    )
    for (const row of rows) this.#line(row)
  }

  #line(cells: readonly string[]): void {
    const { paint } = this.#options
    this.#add(
      this.#columns.map(({ column, index, width }) => {
        const text = pad(cells[index]!, width, column)
        return column.style === undefined ? text : paint(column.style, text)
      }),
    )
  }

  #add(cells: readonly string[]): void {
    const line = `${cells.join(SEPARATOR).trimEnd()}\n`
    this.#text.push(line)
    this.#length += line.length
  }
}

type Sized = { readonly column: Column; readonly index: number; readonly width: number }

/** Leaves out what must go, then cuts names, the longest first, until the line fits. */
function fit(columns: readonly Sized[], width: number): Sized[] {
  let kept = columns
  while (narrowest(kept) > width) {
    const goes = kept
      .filter((c) => c.column.goes !== undefined)
      .sort((a, b) => a.column.goes! - b.column.goes!)[0]
    if (goes === undefined) break
    kept = kept.filter((c) => c !== goes)
  }
  const fitted = kept.map((c) => ({ ...c }))
  while (lineWidth(fitted.map((c) => c.width)) > width) {
    const widest = fitted
      .filter((c) => c.column.shrinks && c.width > NAME_MIN)
      .sort((a, b) => b.width - a.width)[0]
    if (widest === undefined) break
    widest.width--
  }
  return fitted
}

function narrowest(columns: readonly Sized[]): number {
  return lineWidth(columns.map((c) => (c.column.shrinks ? Math.min(c.width, NAME_MIN) : c.width)))
}

function lineWidth(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width + SEPARATOR.length, -SEPARATOR.length)
}

function pad(text: string, width: number, column: Column): string {
  const cut = text.length > width && column.shrinks ? `${text.slice(0, width - 1)}…` : text
  return column.align === 'right' ? cut.padStart(width) : cut.padEnd(width)
}

/** Names come from a file: what would move the cursor or colour the screen is shown, not done. */
function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about.
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '\u{fffd}')
}

/** `2026-11-22 23:40:01`, UTC. */
function shortTime(us: number): string {
  return isoUs(us).slice(0, 19).replace('T', ' ')
}
