/**
 * Totals of pairs of groups, as who used what. One pass groups by both. The top rows and columns are chosen from it, and
 * the rest becomes "other". The sums by the hour have one dimension each, so rows of `session` are read.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { matrixOf, type PairRow } from '../../matrix-shape.js'
import type { Matrix, MatrixRequest } from '../../store.js'
import { int, rowsOf } from '../database.js'
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
  return matrixOf(request, await pairs(connection, orgId, request, nowUs))
}

async function pairs(
  connection: DuckDBConnection,
  orgId: string,
  { filter, groups, top, sort }: MatrixRequest,
  nowUs: number,
): Promise<PairRow[]> {
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
  const rows = await rowsOf(
    connection,
    `WITH g AS MATERIALIZED (${parts.join(' UNION ALL ')}),
     ka AS (${best('a', top[0])}), kb AS (${best('b', top[1])}),
     f AS (SELECT CASE WHEN ka.kept THEN g.a END AS a, ka.kept IS NULL AS a_other,
             CASE WHEN kb.kept THEN g.b END AS b, kb.kept IS NULL AS b_other, ${RESUMS}
           FROM g LEFT JOIN ka ON g.a IS NOT DISTINCT FROM ka.id LEFT JOIN kb ON g.b IS NOT DISTINCT FROM kb.id
           GROUP BY 1, 2, 3, 4 HAVING sum(g.sessions) > 0)
     SELECT f.a::VARCHAR AS a, f.b::VARCHAR AS b, a_other, b_other, ${name('a', names[0])}, ${name('b', names[1])},
       sessions, connections, bytes_tx, bytes_rx, packets_tx, packets_rx
     FROM f ${join('a', names[0])} ${join('b', names[1])}`,
    sql.values,
  )
  return rows as unknown as PairRow[]
}
