/**
 * Totals of pairs of groups, as who used what. One pass groups by both. The top rows and columns are chosen from it, and
 * the rest becomes "other". The sums by the hour have one dimension each, so rows of `session` are read.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Matrix, MatrixCell, MatrixRequest, SummaryGroupRow } from '../../store.js'
import { addTotals, totalsOf } from '../../summary-shape.js'
import { int, type Row, rowsOf } from '../database.js'
import { rolledUpTo } from '../write/rollup.js'
import { Sql } from './sql-parts.js'
import { GROUP_NAMES, GROUP_SQL, RESUMS } from './summary.js'
import { sumSources } from './where.js'

export async function matrix(
  connection: DuckDBConnection,
  orgId: string,
  request: MatrixRequest,
  nowUs: number,
): Promise<Matrix> {
  const found = await pairs(connection, orgId, request, nowUs)
  const weight = (one: Pick<SummaryGroupRow, 'sessions' | 'bytesTx' | 'bytesRx'>) =>
    request.sort === 'sessions' ? one.sessions : one.bytesTx + one.bytesRx
  const rows = new Axis('a', weight)
  const columns = new Axis('b', weight)
  for (const row of found) {
    rows.add(row)
    columns.add(row)
  }
  const cells = found.map(
    (row): MatrixCell => ({ row: rows.at(row), column: columns.at(row), ...totalsOf(row) }),
  )
  return { rows: rows.groups(), columns: columns.groups(), cells }
}

/** The groups of one side, with their totals. */
class Axis {
  readonly #side: 'a' | 'b'
  readonly #weight: (group: SummaryGroupRow) => number
  readonly #groups = new Map<string, SummaryGroupRow>()
  #places: ReadonlyMap<string, number> | undefined

  constructor(side: 'a' | 'b', weight: (group: SummaryGroupRow) => number) {
    this.#side = side
    this.#weight = weight
  }

  #key(row: Row): string {
    return JSON.stringify([row[this.#side], row[`${this.#side}_other`]])
  }

  add(row: Row): void {
    const [key, side] = [this.#key(row), this.#side]
    const known = this.#groups.get(key)
    const id = row[side] as string | null
    const named = {
      id,
      name: row[`${side}_name`] as string | null,
      other: row[`${side}_other`] === true,
    }
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

  at(row: Row): number {
    this.#places ??= new Map(this.#sorted().map(([key], i) => [key, i]))
    return this.#places.get(this.#key(row))!
  }
}

async function pairs(
  connection: DuckDBConnection,
  orgId: string,
  { filter, groups, top, sort }: MatrixRequest,
  nowUs: number,
): Promise<Row[]> {
  const sql = new Sql()
  const scope = { group: undefined, rolled: await rolledUpTo(connection) }
  const [a, b] = groups.map((group) => GROUP_SQL[group])
  const parts = sumSources(sql, orgId, filter, nowUs, scope).map(
    (s) => `SELECT ${a} AS a, ${b} AS b, ${s.sums} FROM ${s.from} WHERE ${s.where} GROUP BY 1, 2`,
  )
  const rank = sort === 'sessions' ? 'sum(sessions)' : 'sum(bytes_tx + bytes_rx)'
  const best = (side: 'a' | 'b', count: number) =>
    `SELECT ${side} AS id, true AS kept FROM g GROUP BY 1 HAVING sum(sessions) > 0
     ORDER BY ${rank} DESC, 1 LIMIT ${int(count)}`
  const names = groups.map((group) => GROUP_NAMES[group])
  const join = (side: 'a' | 'b', table: string | undefined) =>
    table === undefined
      ? ''
      : `LEFT JOIN ${table} n${side} ON n${side}.org_id = $1 AND n${side}.id = f.${side}`
  const name = (side: 'a' | 'b', table: string | undefined) =>
    `${table === undefined ? 'NULL' : `n${side}.name`} AS ${side}_name`
  return rowsOf(
    connection,
    `WITH g AS MATERIALIZED (${parts.join(' UNION ALL ')}),
     ka AS (${best('a', top[0])}), kb AS (${best('b', top[1])}),
     f AS (SELECT CASE WHEN ka.kept THEN g.a END AS a, ka.kept IS NULL AS a_other,
             CASE WHEN kb.kept THEN g.b END AS b, kb.kept IS NULL AS b_other, ${RESUMS}
           FROM g LEFT JOIN ka ON g.a IS NOT DISTINCT FROM ka.id LEFT JOIN kb ON g.b IS NOT DISTINCT FROM kb.id
           GROUP BY 1, 2, 3, 4 HAVING sum(g.sessions) > 0)
     SELECT f.a::VARCHAR AS a, f.b::VARCHAR AS b, a_other, b_other, ${name('a', names[0])}, ${name('b', names[1])},
       sessions, connections, bytes_tx, bytes_rx, packets_tx, packets_rx
     FROM f ${join('a', names[0])} ${join('b', names[1])} ORDER BY a_other, b_other, bytes_tx + bytes_rx DESC, 1, 2`,
    sql.values,
  )
}
