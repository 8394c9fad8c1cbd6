/**
 * Sums into tables of BIGINTs.
 *
 * A session may have counts up to 2^53 - 1, so the sum of 1,025 may exceed a BIGINT. DuckDB's sum() is a HUGEINT and
 * holds any. The rows of rollup_hour and usage_month are only added up, so a sum that is too large for one row is
 * stored as several rows: one for each 512 such sessions. (HUGEINT columns made a file of ordinary sums five times as
 * large.)
 */

/** 2^62: the size of a piece. Half a BIGINT leaves room for the remainder, which the first piece gets. */
const PIECE = '4611686018427387904'

export interface SumColumns {
  readonly keys: readonly string[]
  readonly sums: readonly string[]
}

/** The columns of usage_month. */
export const USAGE_COLUMNS: SumColumns = {
  keys: ['org_id', 'month', 'site_id', 'client_id', 'user_id', 'site_resource_id'],
  sums: ['sessions', 'connections', 'bytes_tx', 'bytes_rx', 'packets_tx', 'packets_rx'],
}

/** @param query a query with these columns, which are the table's in its order */
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
