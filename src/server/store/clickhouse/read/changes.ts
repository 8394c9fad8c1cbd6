/**
 * What is different from the time before: the groups that changed the most, and the pairs that are new. One query reads
 * both times, because two queries do not see one state.
 */
import { changesOf, type NewPairRow, newPairsOf } from '../../changes-shape.js'
import { int } from '../../sql/sql.js'
import type { Changes, ChangesRequest, NewPairs, NewPairsRequest } from '../../sums.js'
import type { Client } from '../client.js'
import { FROM, type Scope } from './scope.js'
import { GROUP_SQL, nameOf, RANKS } from './summary.js'
import { asNumbers, SUMS, sumsOf } from './sums.js'

/** @param scope from startBefore() on */
export async function changes(
  client: Client,
  scope: Scope,
  request: ChangesRequest,
  signal?: AbortSignal,
): Promise<Changes> {
  const rows = await client.rows(scope.orgId, changesSql(scope, request), signal)
  const changed = rows.map(([id, grown, now, before]) => ({
    id: id as string | null,
    name: nameOf(scope.names, request.groupBy, id as string | null),
    has_grown: grown === 1,
    now: asNumbers(sumsOf(now as string[])),
    before: asNumbers(sumsOf(before as string[])),
  }))
  return changesOf(scope.filter.fromUs, changed)
}

/** Rows (id, whether it grew, sums now, sums before). Sums of a time without sessions are an empty list. */
function changesSql(scope: Scope, { filter, groupBy, top, sort }: ChangesRequest): string {
  const times = `SELECT ${GROUP_SQL[groupBy]} AS id, t.start_us >= ${int(filter.fromUs)} AS is_now, [${SUMS}] AS sums,
      ${RANKS[sort]} AS rank_by
    FROM ${FROM} WHERE ${scope.where()} GROUP BY id, is_now`
  const groups = `SELECT id, sum(if(is_now, rank_by, -rank_by)) AS difference, anyIf(sums, is_now) AS now,
      anyIf(sums, NOT is_now) AS before
    FROM (${times}) GROUP BY id`
  const place = (order: 'ASC' | 'DESC') =>
    `row_number() OVER (ORDER BY difference ${order}, id ASC NULLS LAST) <= ${int(top)}`
  const ranked = `SELECT id, difference, now, before, ${place('DESC')} AS most, ${place('ASC')} AS least FROM (${groups})`
  return `SELECT toString(id) AS id_text, difference > 0, now, before FROM (${ranked})
    WHERE (difference > 0 AND most) OR (difference < 0 AND least)
    ORDER BY abs(difference) DESC, id_text ASC NULLS LAST`
}

/** @param scope from the first session on */
export async function newPairs(
  client: Client,
  scope: Scope,
  { filter, groups: [groupA, groupB], limit }: NewPairsRequest,
  signal?: AbortSignal,
): Promise<NewPairs> {
  const [a, b] = [GROUP_SQL[groupA], GROUP_SQL[groupB]]
  const pairs = `SELECT toString(${a}) AS a, toString(${b}) AS b, min(t.start_us) AS first_us, [${SUMS}] AS sums
    FROM ${FROM} WHERE ${scope.where()} AND ${a} IS NOT NULL AND ${b} IS NOT NULL
    GROUP BY a, b HAVING first_us >= ${int(filter.fromUs)}`
  const rows = await client.rows(
    scope.orgId,
    `SELECT a, b, first_us, count() OVER () AS total, sums FROM (${pairs})
     ORDER BY first_us DESC, a, b LIMIT ${int(limit)}`,
    signal,
  )
  return newPairsOf(
    rows.map(
      ([idA, idB, firstUs, total, sums]): NewPairRow => ({
        ...{ a: idA as string, a_name: nameOf(scope.names, groupA, idA as string) },
        ...{ b: idB as string, b_name: nameOf(scope.names, groupB, idB as string) },
        ...{ first_us: firstUs as number, total: total as number },
        ...asNumbers(sumsOf(sums as string[])),
      }),
    ),
  )
}
