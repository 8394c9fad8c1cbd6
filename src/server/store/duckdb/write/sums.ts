/**
 * Sums into tables of BIGINTs.
 *
 * A session may have counts up to 2^53 - 1, so 1025 of them can be more than a BIGINT holds; DuckDB's sum() is a
 * HUGEINT and holds any. The rows of rollup_hour and usage_month are only ever added up, so a sum that is too large for
 * one row is stored as several that add up to it. They are few: one for each 512 such sessions. (HUGEINT columns would
 * hold them as they are, but made a file of ordinary sums five times as large.)
 */

/** Pieces are smaller: dividing a sum evenly leaves a rest, which goes to one of them. */
const PIECE = '4611686018427387904'

export interface SumColumns {
  readonly keys: readonly string[]
  readonly sums: readonly string[]
}

/** @param query has these columns, which are those of the table in its order */
export function insertSums(table: string, { keys, sums }: SumColumns, query: string): string {
  const largest = `greatest(${sums.map((name) => `abs(${name})`).join(', ')})`
  const share = (name: string) => `${name} // pieces`
  const parts = sums.map(
    (name) => `(CASE WHEN pieces = 1 THEN ${name}
      WHEN piece = 0 THEN ${name} - (pieces - 1) * (${share(name)}) ELSE ${share(name)} END)::BIGINT`,
  )
  return `INSERT INTO ${table} SELECT ${[...keys, ...parts].join(', ')} FROM (
    SELECT *, unnest(range(pieces)) AS piece FROM (
      SELECT *, 1 + (${largest} // ${PIECE})::BIGINT AS pieces FROM (${query})))`
}
