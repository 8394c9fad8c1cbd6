/** The layout of a Sankey diagram with two sides. All heights have one scale, so areas compare. */

/** Height of all ribbons together. */
const RIBBONS_HEIGHT = 240
/** A side's bar may be thinner than its name. */
const SLOT_MIN = 22
const SLOT_GAP = 6

export interface Cell {
  readonly row: number
  readonly column: number
  readonly bytes: number
}

export interface Bar {
  /** The top and the height of the place for the name. */
  readonly top: number
  readonly slot: number
  readonly barTop: number
  readonly bar: number
  readonly bytes: number
}

export interface Ribbon extends Cell {
  /** Of the left and of the right end. */
  readonly leftTop: number
  readonly rightTop: number
  readonly thickness: number
}

export interface Flow {
  readonly height: number
  readonly left: readonly Bar[]
  readonly right: readonly Bar[]
  readonly ribbons: readonly Ribbon[]
}

function barsOf(sums: readonly number[], scale: number): { bars: Bar[]; height: number } {
  let top = 0
  const bars = sums.map((bytes) => {
    const bar = bytes * scale
    const slot = Math.max(SLOT_MIN, bar)
    const one = { top, slot, bar, bytes, barTop: top + (slot - bar) / 2 }
    top += slot + SLOT_GAP
    return one
  })
  return { bars, height: Math.max(0, top - SLOT_GAP) }
}

export function flowOf(cells: readonly Cell[], rows: number, columns: number): Flow {
  const sums = (count: number, side: 'row' | 'column') =>
    Array.from({ length: count }, (_, i) =>
      cells.reduce((sum, cell) => (cell[side] === i ? sum + cell.bytes : sum), 0),
    )
  const total = cells.reduce((sum, { bytes }) => sum + bytes, 0)
  const scale = total === 0 ? 0 : RIBBONS_HEIGHT / total
  const left = barsOf(sums(rows, 'row'), scale)
  const right = barsOf(sums(columns, 'column'), scale)
  const [leftAt, rightAt] = [left, right].map(({ bars }) => bars.map(({ barTop }) => barTop))
  // In the order of both sides, so that ribbons of one bar do not cross there.
  const ribbons = [...cells]
    .filter(({ bytes }) => bytes > 0)
    .sort((a, b) => a.row - b.row || a.column - b.column)
    .map((cell) => {
      const thickness = cell.bytes * scale
      const [leftTop, rightTop] = [leftAt![cell.row]!, rightAt![cell.column]!]
      leftAt![cell.row] = leftTop + thickness
      rightAt![cell.column] = rightTop + thickness
      return { ...cell, leftTop, rightTop, thickness }
    })
  const height = Math.max(left.height, right.height)
  return { height, left: left.bars, right: right.bars, ribbons }
}
