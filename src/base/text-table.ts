/**
 * Tables for people. The first rows decide the widths of columns; later rows keep them and may
 * stick out. A table has layouts, the widest first. The first one that fits is taken, and its names
 * are cut to the room left. Cells that must stay whole (an address) are never cut. If no layout
 * fits, the last one is taken and sticks out.
 */
import { printable } from './printable.js'
import { cutToWidth, textWidth } from './text-width.js'

const SIZED_BY_ROWS = 500
const SEPARATOR = '  '

export type TableStyle = 'bold' | 'dim' | 'cyan' | 'green'

export interface Column<Row> {
  /** Read when the columns are sized. */
  readonly title: string
  readonly align?: 'left' | 'right'
  readonly style?: TableStyle
  /** May be cut to this many terminal cells, with an ellipsis. */
  readonly shrinksTo?: number
  /** No cell is wider. */
  readonly widest?: number
  /** Left out when all its cells are empty. */
  readonly optional?: true
  readonly read: (row: Row) => string
  /** This row's cell must not be cut, even if the column may. */
  readonly whole?: (row: Row) => boolean
}

export interface TableOptions {
  readonly paint: (style: TableStyle, text: string) => string
  /** The terminal's width; Infinity for a file. */
  readonly width: number
  /** More rows will come than decide the widths, so columns get room for wider cells. */
  readonly isGrowing?: boolean
}

/** The least width of a name in a growing table. */
const NAME_ROOM = 24

interface Cell {
  readonly text: string
  readonly width: number
  readonly whole: boolean
}

interface Sized<Row> {
  readonly column: Column<Row>
  readonly index: number
  readonly title: string
  /** The least width to which it may be cut. */
  least: number
  width: number
}

export class TextTable<Row> {
  readonly #layouts: readonly (readonly Column<Row>[])[]
  /** The columns of all layouts. */
  readonly #columns: readonly Column<Row>[]
  readonly #options: TableOptions
  #waiting: Cell[][] | null = []
  #shown: readonly Sized<Row>[] = []
  #text: string[] = []
  #length = 0

  constructor(layouts: readonly (readonly Column<Row>[])[], options: TableOptions) {
    this.#layouts = layouts
    this.#columns = [...new Set(layouts.flat())]
    this.#options = options
  }

  get length(): number {
    return this.#length
  }

  /** Takes the text so far. The first rows wait for end(). */
  take(): string {
    const text = this.#text.join('')
    this.#text = []
    this.#length = 0
    return text
  }

  row(row: Row): void {
    const cells = this.#columns.map((column): Cell => {
      const text = printable(column.read(row))
      return { text, width: textWidth(text), whole: column.whole?.(row) ?? false }
    })
    if (this.#waiting === null) this.#line(cells)
    else if (this.#waiting.push(cells) >= SIZED_BY_ROWS) this.#size()
  }

  /** Writes the waiting rows; row() may follow. */
  end(): void {
    if (this.#waiting !== null && this.#waiting.length > 0) this.#size()
  }

  #size(): void {
    const rows = this.#waiting!
    this.#waiting = null
    const all = this.#columns.map((column, index) => sizedBy(rows, column, index))
    const isShown = ({ column, index }: Sized<Row>): boolean =>
      !column.optional || rows.some((cells) => cells[index]!.text !== '')
    const layouts = this.#layouts.map((layout) =>
      layout.map((column) => all[this.#columns.indexOf(column)]!).filter(isShown),
    )
    const { width, paint, isGrowing } = this.#options
    if (isGrowing) for (const sized of all) widen(sized)
    const fits = layouts.find((layout) => lineWidth(layout.map((c) => c.least)) <= width)
    this.#shown = cutNames(fits ?? layouts.at(-1)!, width)
    this.#add(this.#shown.map((c) => paint('bold', pad(c.title, textWidth(c.title), c))))
    for (const cells of rows) this.#line(cells)
  }

  #line(cells: readonly Cell[]): void {
    const { paint } = this.#options
    this.#add(
      this.#shown.map((sized) => {
        const { text, width, whole } = cells[sized.index]!
        const isCut = width > sized.width && sized.column.shrinksTo !== undefined && !whole
        const cut = isCut ? cutToWidth(text, sized.width) : text
        const padded = pad(cut, isCut ? textWidth(cut) : width, sized)
        const { style } = sized.column
        return style === undefined ? padded : paint(style, padded)
      }),
    )
  }

  #add(cells: readonly string[]): void {
    const line = `${cells.join(SEPARATOR).trimEnd()}\n`
    this.#text.push(line)
    this.#length += line.length
  }
}

/** All rows as one text; empty without rows. */
export function tableText<Row>(
  layouts: readonly (readonly Column<Row>[])[],
  rows: readonly Row[],
  options: TableOptions,
): string {
  const table = new TextTable(layouts, options)
  for (const row of rows) table.row(row)
  table.end()
  return table.take()
}

function sizedBy<Row>(rows: readonly Cell[][], column: Column<Row>, index: number): Sized<Row> {
  const { title, shrinksTo } = column
  let width = textWidth(title)
  let whole = width
  for (const cells of rows) {
    const cell = cells[index]!
    width = Math.max(width, cell.width)
    if (cell.whole) whole = Math.max(whole, cell.width)
  }
  const least = shrinksTo === undefined ? width : Math.min(width, Math.max(shrinksTo, whole))
  return { column, index, title, width, least }
}

function widen<Row>(sized: Sized<Row>): void {
  const { shrinksTo, widest = 0 } = sized.column
  const isName = shrinksTo !== undefined
  sized.width = Math.max(sized.width, widest, isName ? NAME_ROOM : 0)
  sized.least = Math.max(sized.least, widest, shrinksTo ?? 0, isName ? 0 : sized.width)
}

/** Cuts the widest name first, until the line fits. */
function cutNames<Row>(columns: readonly Sized<Row>[], width: number): Sized<Row>[] {
  const fitted = columns.map((c) => ({ ...c }))
  while (lineWidth(fitted.map((c) => c.width)) > width) {
    const widest = fitted.filter((c) => c.width > c.least).sort((a, b) => b.width - a.width)[0]
    if (widest === undefined) break
    widest.width--
  }
  return fitted
}

function lineWidth(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width + SEPARATOR.length, -SEPARATOR.length)
}

function pad<Row>(text: string, width: number, { column, width: room }: Sized<Row>): string {
  const space = ' '.repeat(Math.max(0, room - width))
  return column.align === 'right' ? space + text : text + space
}
