/** A matrix from sums by pair of groups, the same for every engine. */
import { addTotals, byId, type SumsRow, totalsOf } from './summary-shape.js'
import type { Matrix, MatrixCell, MatrixRequest, SummaryGroupRow } from './sums.js'

type Side = 'a' | 'b'

/** Sums of one pair. A group beyond the top ones of its side has `other` and no id. */
export interface PairRow extends SumsRow {
  readonly a: string | null
  readonly b: string | null
  readonly a_other: boolean
  readonly b_other: boolean
  readonly a_name: string | null
  readonly b_name: string | null
}

export function matrixOf({ sort }: Pick<MatrixRequest, 'sort'>, found: PairRow[]): Matrix {
  const weight = (one: Pick<SummaryGroupRow, 'sessions' | 'bytesTx' | 'bytesRx'>) =>
    sort === 'sessions' ? one.sessions : one.bytesTx + one.bytesRx
  const rows = new Axis('a', weight)
  const columns = new Axis('b', weight)
  // Also the order in which sums are added, and of groups of equal weight.
  found.sort(byOtherBytesIds)
  for (const row of found) {
    rows.add(row)
    columns.add(row)
  }
  const cells = found.map(
    (row): MatrixCell => ({ row: rows.at(row), column: columns.at(row), ...totalsOf(row) }),
  )
  return { rows: rows.groups(), columns: columns.groups(), cells }
}

function byOtherBytesIds(one: PairRow, two: PairRow): number {
  const bytes = ({ bytes_tx: tx, bytes_rx: rx }: PairRow) => (tx as number) + (rx as number)
  return (
    Number(one.a_other) - Number(two.a_other) ||
    Number(one.b_other) - Number(two.b_other) ||
    bytes(two) - bytes(one) ||
    byId(one.a, two.a) ||
    byId(one.b, two.b)
  )
}

/** The groups of one side, with their totals. */
class Axis {
  readonly #side: Side
  readonly #weight: (group: SummaryGroupRow) => number
  readonly #groups = new Map<string, SummaryGroupRow>()
  #places: ReadonlyMap<string, number> | undefined

  constructor(side: Side, weight: (group: SummaryGroupRow) => number) {
    this.#side = side
    this.#weight = weight
  }

  #key(row: PairRow): string {
    return JSON.stringify([row[this.#side], row[`${this.#side}_other`]])
  }

  add(row: PairRow): void {
    const [key, side] = [this.#key(row), this.#side]
    const known = this.#groups.get(key)
    const named = { id: row[side], name: row[`${side}_name`], other: row[`${side}_other`] }
    this.#groups.set(
      key,
      known === undefined ? { ...named, ...totalsOf(row) } : addTotals(known, totalsOf(row)),
    )
  }

  #sorted(): [string, SummaryGroupRow][] {
    const rank = (one: SummaryGroupRow) => (one.other ? -1 : this.#weight(one))
    return [...this.#groups].sort(([, one], [, two]) => rank(two) - rank(one))
  }

  groups(): SummaryGroupRow[] {
    return this.#sorted().map(([, group]) => group)
  }

  at(row: PairRow): number {
    this.#places ??= new Map(this.#sorted().map(([key], i) => [key, i]))
    return this.#places.get(this.#key(row))!
  }
}
