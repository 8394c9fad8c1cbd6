/**
 * What is different from the time before: the groups that changed the most, and the pairs that are new. The time before
 * is the range of the same length that ends where the filter's range begins; for new pairs it is all that is stored.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import {
  type ChangedRow,
  changesOf,
  type NewPairRow,
  newPairsOf,
  startBefore,
} from '../../changes-shape.js'
import type { Changes, ChangesRequest, NewPairs, NewPairsRequest } from '../../store.js'
import { int, type Row, rowsOf } from '../database.js'
import { dimensionOfGroup, rolledUpTo, SUM_NAMES } from '../write/rollup.js'
import { Sql } from './sql-parts.js'
import { GROUP_NAMES, GROUP_SQL, RESUMS } from './summary.js'
import { sumSources } from './where.js'

const BEFORE = 'before_'

export async function changes(
  connection: DuckDBConnection,
  orgId: string,
  { filter, groupBy, top, sort }: ChangesRequest,
  nowUs: number,
): Promise<Changes> {
  const fromUs = startBefore(filter)
  const sql = new Sql()
  const scope = { group: dimensionOfGroup(groupBy), rolled: await rolledUpTo(connection) }
  const sums = (isNow: boolean) => {
    const range = isNow ? filter : { ...filter, fromUs, toUs: filter.fromUs }
    return sumSources(sql, orgId, range, nowUs, scope).map(
      (s) =>
        `SELECT ${GROUP_SQL[groupBy]} AS id, ${isNow} AS is_now, ${s.sums} FROM ${s.from} WHERE ${s.where} GROUP BY 1`,
    )
  }
  const columns = SUM_NAMES.flatMap((name) => [
    `coalesce(sum(${name}) FILTER (is_now), 0) AS ${name}`,
    `coalesce(sum(${name}) FILTER (NOT is_now), 0) AS ${BEFORE}${name}`,
  ])
  const numbers = SUM_NAMES.flatMap((name) => [name, BEFORE + name]).map(
    (name) => `r.${name}::DOUBLE AS ${name}`,
  )
  const difference =
    sort === 'sessions'
      ? 'sessions - before_sessions'
      : 'bytes_tx + bytes_rx - before_bytes_tx - before_bytes_rx'
  const names = GROUP_NAMES[groupBy]
  const rows = await rowsOf(
    connection,
    `WITH g AS (SELECT id, ${columns.join(', ')} FROM (${[...sums(true), ...sums(false)].join(' UNION ALL ')}) GROUP BY 1),
     d AS (SELECT *, ${difference} AS difference FROM g),
     r AS (SELECT *, row_number() OVER (ORDER BY difference DESC, id) AS up,
             row_number() OVER (ORDER BY difference, id) AS down FROM d)
     SELECT r.id::VARCHAR AS id, r.difference > 0 AS has_grown, ${numbers.join(', ')},
       ${names === undefined ? 'NULL' : 'n.name'} AS name FROM r
     ${names === undefined ? '' : `LEFT JOIN ${names} n ON n.org_id = $1 AND n.id = r.id`}
     WHERE (difference > 0 AND up <= ${int(top)}) OR (difference < 0 AND down <= ${int(top)})
     ORDER BY abs(r.difference) DESC, 1`,
    sql.values,
  )
  return changesOf(fromUs, rows.map(changedRow))
}

function changedRow(row: Row): ChangedRow {
  const before = Object.fromEntries(SUM_NAMES.map((name) => [name, row[BEFORE + name]]))
  const { id, name, has_grown } = row
  return { id, name, has_grown, now: row, before } as unknown as ChangedRow
}

export async function newPairs(
  connection: DuckDBConnection,
  orgId: string,
  { filter, groups, limit }: NewPairsRequest,
  nowUs: number,
): Promise<NewPairs> {
  const sql = new Sql()
  const scope = { group: undefined, rolled: await rolledUpTo(connection) }
  const [a, b] = groups.map((group) => GROUP_SQL[group])
  const named = `${a} IS NOT NULL AND ${b} IS NOT NULL`
  const now = sumSources(sql, orgId, filter, nowUs, scope).map(
    (s) => `SELECT ${a} AS a, ${b} AS b, min(t.start_us) AS first_us, ${s.sums}
      FROM ${s.from} WHERE ${s.where} AND ${named} GROUP BY 1, 2`,
  )
  const earlier = { ...filter, fromUs: 0, toUs: filter.fromUs }
  const before = sumSources(sql, orgId, earlier, nowUs, scope).map(
    (s) => `SELECT DISTINCT ${a} AS a, ${b} AS b FROM ${s.from} WHERE ${s.where} AND ${named}`,
  )
  const [na, nb] = groups.map((group) => GROUP_NAMES[group]!)
  const rows = await rowsOf(
    connection,
    `WITH g AS (SELECT a, b, min(first_us)::DOUBLE AS first_us, ${RESUMS}
       FROM (${now.join(' UNION ALL ')}) GROUP BY 1, 2 HAVING sum(sessions) > 0),
     f AS (SELECT *, count(*) OVER ()::DOUBLE AS total
       FROM g ANTI JOIN (${before.join(' UNION ALL ')}) o ON o.a = g.a AND o.b = g.b)
     SELECT f.* REPLACE (f.a::VARCHAR AS a, f.b::VARCHAR AS b), na.name AS a_name, nb.name AS b_name FROM f
     LEFT JOIN ${na} na ON na.org_id = $1 AND na.id = f.a LEFT JOIN ${nb} nb ON nb.org_id = $1 AND nb.id = f.b
     ORDER BY first_us DESC, a, b LIMIT ${int(limit)}`,
    sql.values,
  )
  return newPairsOf(rows as unknown as NewPairRow[])
}
