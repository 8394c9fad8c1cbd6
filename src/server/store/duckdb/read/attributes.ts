/**
 * The most frequent values for each filter, with counts. Each list applies all filters except its own.
 *
 * A list is read from the sums by the hour if they have its counts (rollup.ts). All other lists with the same filters
 * are counted in one pass over the rows.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { ATTRIBUTES_MAX, type FilterAttributes, type LogFilter } from '../../store.js'
import { type Row, rowsOf } from '../database.js'
import { type Dimension, dimensionFor, rolledUpTo } from '../write/rollup.js'
import { Sql } from './sql-parts.js'
import { sources, sumSources } from './where.js'

interface Facet {
  /** The columns that make up the value. */
  readonly columns: readonly string[]
  readonly own: keyof LogFilter
  readonly dimension: Dimension
  /** The catalog's table with the name of the value. */
  readonly names?: string
}

const FACETS: Readonly<Record<keyof FilterAttributes, Facet>> = {
  protocols: { columns: ['protocol'], own: 'protocols', dimension: 'protocol' },
  destAddrs: { columns: ['dest_ip', 'dest_port'], own: 'dests', dimension: 'destination' },
  connStates: { columns: ['conn_state'], own: 'connStates', dimension: 'connState' },
  endReasons: { columns: ['end_reason'], own: 'endReasons', dimension: 'endReason' },
  clients: {
    columns: ['client_id'],
    own: 'clientIds',
    dimension: 'client',
    names: 'catalog_client',
  },
  users: { columns: ['user_id'], own: 'userIds', dimension: 'user', names: 'catalog_user' },
  resources: {
    columns: ['site_resource_id'],
    own: 'siteResourceIds',
    dimension: 'resource',
    names: 'catalog_resource',
  },
  sites: { columns: ['site_id'], own: 'siteIds', dimension: 'site', names: 'catalog_site' },
}
type Name = keyof FilterAttributes
const NAMES = Object.keys(FACETS) as Name[]

/** The value as one text, in the form of the rows (port 0: unknown). Null if the session has none. */
function valueSql({ columns: [first, second] }: Facet, alias: string): string {
  if (second === undefined) return `${alias}.${first}::VARCHAR`
  const [ip, port] = [`${alias}.${first}`, `${alias}.${second}`]
  return `CASE WHEN ${port} = 0 THEN ${ip} WHEN contains(${ip}, ':') THEN '[' || ${ip} || ']:' || ${port}
    ELSE ${ip} || ':' || ${port} END`
}

interface Question {
  readonly orgId: string
  readonly filter: LogFilter
  readonly nowUs: number
}

/** The values and counts of one list, from the sums by the hour. */
function fromHours(connection: DuckDBConnection, question: Question, spec: Facet, rolled: number) {
  const { orgId, filter, nowUs } = question
  const sql = new Sql()
  const scope = { group: spec.dimension, rolled, except: spec.own }
  const columns = spec.columns.map((c) => `t.${c}`).join(', ')
  const parts = sumSources(sql, orgId, filter, nowUs, scope).map(
    (s) =>
      `SELECT ${spec.columns.map((c) => `t.${c}`).join(', ')}, ${s.count} AS n FROM ${s.from} WHERE ${s.where} GROUP BY ${columns}`,
  )
  return rowsOf(
    connection,
    `SELECT ${valueSql(spec, 'a')} AS v, sum(n)::DOUBLE AS n FROM (${parts.join(' UNION ALL ')}) a
     WHERE a.${spec.columns[0]} IS NOT NULL GROUP BY 1 HAVING sum(n) > 0 ORDER BY n DESC, v LIMIT ${ATTRIBUTES_MAX}`,
    sql.values,
  )
}

/** The values and counts of several lists with the same filters, in one pass. */
async function fromRows(
  connection: DuckDBConnection,
  { orgId, filter, nowUs }: Question,
  names: readonly Name[],
  except: keyof LogFilter | undefined,
): Promise<Map<Name, Row[]>> {
  const sql = new Sql()
  const columns = names.flatMap((name) => FACETS[name].columns)
  const sets = names.map((name) => `(${FACETS[name].columns.join(', ')})`).join(', ')
  const plain = sources(sql, orgId, filter, nowUs, except)
    .map((s) => `SELECT ${columns.map((c) => `t.${c}`).join(', ')} FROM ${s.from} WHERE ${s.where}`)
    .join(' UNION ALL ')
  // grouping() is 0 for a column that the row is grouped by, which identifies the list of the row.
  const which = names.map(
    (name) =>
      `WHEN grouping(${FACETS[name].columns[0]}) = 0 THEN {'list': '${name}', 'v': ${valueSql(FACETS[name], 'p')}}`,
  )
  const rows = await rowsOf(
    connection,
    `SELECT x.list AS list, x.v AS v, n::DOUBLE AS n FROM (
       SELECT CASE ${which.join(' ')} END AS x, count(*) AS n FROM (${plain}) p GROUP BY GROUPING SETS (${sets}))
     WHERE x.v IS NOT NULL
     QUALIFY row_number() OVER (PARTITION BY list ORDER BY n DESC, v) <= ${ATTRIBUTES_MAX} ORDER BY list, n DESC, v`,
    sql.values,
  )
  return new Map(names.map((name) => [name, rows.filter((row) => row.list === name)]))
}

async function withNames(
  connection: DuckDBConnection,
  orgId: string,
  rows: readonly Row[],
  table: string,
): Promise<Row[]> {
  const email = table === 'catalog_user' ? 'email' : 'NULL'
  const ids = JSON.stringify(rows.map((row) => row.v))
  const named = await rowsOf(
    connection,
    `SELECT id::VARCHAR AS v, name, ${email} AS email FROM ${table}
     WHERE org_id = $1 AND id::VARCHAR IN (SELECT unnest(from_json($2, '["VARCHAR"]')))`,
    [orgId, ids],
  )
  const byId = new Map(named.map((row) => [row.v, row]))
  return rows.map((row) => ({
    ...row,
    name: byId.get(row.v)?.name ?? null,
    email: byId.get(row.v)?.email ?? null,
  }))
}

export async function attributes(
  connection: DuckDBConnection,
  orgId: string,
  filter: LogFilter,
  nowUs: number,
): Promise<FilterAttributes> {
  const question = { orgId, filter, nowUs }
  const rolled = await rolledUpTo(connection)
  const lists = new Map<Name, Row[]>()
  const together: Name[] = []
  for (const name of NAMES) {
    const spec = FACETS[name]
    if (dimensionFor(filter, spec.dimension, spec.own) !== null) {
      lists.set(name, await fromHours(connection, question, spec, rolled))
    } else if (filter[spec.own] !== undefined) {
      const alone = await fromRows(connection, question, [name], spec.own)
      lists.set(name, alone.get(name)!)
    } else together.push(name)
  }
  if (together.length > 0) {
    const counted = await fromRows(connection, question, together, undefined)
    for (const [name, rows] of counted) lists.set(name, rows)
  }
  const answer: Record<string, unknown[]> = {}
  for (const name of NAMES) {
    const { names } = FACETS[name]
    const rows = lists.get(name)!
    if (names === undefined) {
      answer[name] = rows.map((row) => ({ value: row.v, count: row.n }))
      continue
    }
    answer[name] = (await withNames(connection, orgId, rows, names)).map((row) => ({
      id: name === 'users' ? row.v : Number(row.v),
      name: row.name,
      count: row.n,
      ...(name === 'users' && { email: row.email }),
    }))
  }
  return answer as unknown as FilterAttributes
}
