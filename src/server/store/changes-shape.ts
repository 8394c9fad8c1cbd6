/** What is different from the time before, from the rows of an engine. */
import type { LogFilter } from './filter.js'
import { type SumsRow, totalsOf } from './summary-shape.js'
import type { ChangedGroup, Changes, NewPair, NewPairs } from './sums.js'

/** The start of the range of the same length that ends where this one begins. */
export function startBefore({ fromUs, toUs }: Pick<LogFilter, 'fromUs' | 'toUs'>): number {
  return Math.max(0, 2 * fromUs - toUs)
}

export interface ChangedRow {
  readonly id: string | null
  readonly name: string | null
  readonly has_grown: boolean
  readonly now: SumsRow
  readonly before: SumsRow
}

/** @param rows the largest change first */
export function changesOf(fromUs: number, rows: readonly ChangedRow[]): Changes {
  const side = (grown: boolean) => rows.filter((row) => row.has_grown === grown).map(changedOf)
  return { fromUs, grown: side(true), fallen: side(false) }
}

function changedOf({ id, name, now, before }: ChangedRow): ChangedGroup {
  return { id, name, now: totalsOf(now), before: totalsOf(before) }
}

export interface NewPairRow extends SumsRow {
  readonly a: string
  readonly b: string
  readonly a_name: string | null
  readonly b_name: string | null
  readonly first_us: number
  /** Pairs without the limit; the same in each row. */
  readonly total: number
}

/** @param rows the newest first */
export function newPairsOf(rows: readonly NewPairRow[]): NewPairs {
  const pairs = rows.map(
    (row): NewPair => ({
      ids: [row.a, row.b],
      names: [row.a_name, row.b_name],
      firstUs: row.first_us,
      ...totalsOf(row),
    }),
  )
  return { total: rows[0]?.total ?? 0, pairs }
}
