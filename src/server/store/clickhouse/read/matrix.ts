/**
 * Totals of pairs of groups, as who used what. One query answers all: it sums by both groups, ranks the groups of each
 * side, and puts those beyond the top ones together.
 */
import { matrixOf, type PairRow } from '../../matrix-shape.js'
import { int } from '../../sql/sql.js'
import type { Matrix, MatrixRequest } from '../../sums.js'
import type { Client } from '../client.js'
import { FROM, type Scope } from './scope.js'
import { GROUP_SQL, nameOf, RANKS } from './summary.js'
import { asNumbers, SUMS, sumsOf } from './sums.js'

type Id = string | null

export async function matrix(
  client: Client,
  scope: Scope,
  request: MatrixRequest,
  signal?: AbortSignal,
): Promise<Matrix> {
  const [groupA, groupB] = request.groups
  const rows = await client.rows(scope.orgId, matrixSql(scope, request), signal)
  const pairs = rows.map(
    ([a, aOther, b, bOther, ...sums]): PairRow => ({
      ...{ a: a as Id, a_other: aOther === 1, a_name: nameOf(scope.names, groupA, a as Id) },
      ...{ b: b as Id, b_other: bOther === 1, b_name: nameOf(scope.names, groupB, b as Id) },
      ...asNumbers(sumsOf(sums as string[])),
    }),
  )
  return matrixOf(request, pairs)
}

/** Rows (id, other) of each side, and the sums. */
function matrixSql(scope: Scope, { groups: [a, b], top, sort }: MatrixRequest): string {
  const pairs = `SELECT ${GROUP_SQL[a]} AS a, ${GROUP_SQL[b]} AS b, [${SUMS}] AS sums, ${RANKS[sort]} AS rank_by
    FROM ${FROM} WHERE ${scope.where()} GROUP BY a, b`
  const weighed = `SELECT a, b, sums, sum(rank_by) OVER (PARTITION BY a) AS whole_a,
      sum(rank_by) OVER (PARTITION BY b) AS whole_b
    FROM (${pairs})`
  const isOther = (side: 'a' | 'b', count: number) =>
    `dense_rank() OVER (ORDER BY whole_${side} DESC, ${side} ASC NULLS LAST) > ${int(count)} AS other_${side}`
  const ranked = `SELECT a, b, sums, ${isOther('a', top[0])}, ${isOther('b', top[1])} FROM (${weighed})`
  const sum = (at: number) => `toString(sum(toInt128(sums[${at}])))`
  return `SELECT if(other_a, NULL, toString(a)) AS id_a, other_a, if(other_b, NULL, toString(b)) AS id_b, other_b,
      ${[1, 2, 3, 4, 5, 6].map(sum).join(', ')}
    FROM (${ranked}) GROUP BY id_a, other_a, id_b, other_b`
}
