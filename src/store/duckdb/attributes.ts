/** What the filters could be set to: most frequent values with counts, each list under all filters but its own. */
import type { DuckDBConnection } from '@duckdb/node-api'
import { ATTRIBUTES_MAX, type FilterAttributes, type LogFilter } from '../store.js'
import { type Row, rowsOf } from './database.js'
import { Sql, sources } from './where.js'

interface Facet {
  readonly value: string
  readonly own: keyof LogFilter
  /** Joins the name by `value`. */
  readonly names?: string
}

const DEST = `CASE WHEN contains(t.dest_ip, ':') THEN '[' || t.dest_ip || ']' ELSE t.dest_ip END || ':' || t.dest_port`

const FACETS = {
  protocols: { value: 't.protocol::VARCHAR', own: 'protocols' },
  destAddrs: { value: 't.dest_ip, t.dest_port', own: 'dests' },
  connStates: { value: 't.conn_state::VARCHAR', own: 'connStates' },
  endReasons: { value: 't.end_reason::VARCHAR', own: 'endReasons' },
  clients: { value: 't.client_id', own: 'clientIds', names: 'catalog_client' },
  users: { value: 't.user_id', own: 'userIds', names: 'catalog_user' },
  resources: { value: 't.site_resource_id', own: 'siteResourceIds', names: 'catalog_resource' },
  sites: { value: 't.site_id', own: 'siteIds', names: 'catalog_site' },
} as const satisfies Record<string, Facet>

async function facet(
  connection: DuckDBConnection,
  orgId: string,
  filter: LogFilter,
  nowUs: number,
  spec: Facet,
): Promise<Row[]> {
  const sql = new Sql()
  const parts = sources(sql, orgId, filter, nowUs, spec.own).map((s) => {
    const columns = spec.value.includes(',') ? spec.value : `${spec.value} AS v`
    return `SELECT ${columns}, count(*) AS n FROM ${s.from} WHERE ${s.where} GROUP BY ALL`
  })
  const group = spec.value.includes(',') ? DEST.replaceAll('t.', 'a.') : 'a.v'
  const top = `SELECT ${group} AS v, sum(n)::DOUBLE AS n FROM (${parts.join(' UNION ALL ')}) a
    WHERE ${spec.value.includes(',') ? 'true' : 'a.v IS NOT NULL'}
    GROUP BY 1 ORDER BY n DESC, v LIMIT ${ATTRIBUTES_MAX}`
  if (spec.names === undefined) return rowsOf(connection, top, sql.values)
  const email = spec.names === 'catalog_user' ? ', c.email' : ''
  const id = spec.names === 'catalog_user' ? 'x.v' : 'x.v::DOUBLE'
  return rowsOf(
    connection,
    `SELECT ${id} AS v, x.n, c.name${email} FROM (${top}) x
     LEFT JOIN ${spec.names} c ON c.org_id = $1 AND c.id = x.v ORDER BY x.n DESC, x.v`,
    sql.values,
  )
}

export async function attributes(
  connection: DuckDBConnection,
  orgId: string,
  filter: LogFilter,
  nowUs: number,
): Promise<FilterAttributes> {
  const answer: Record<string, unknown[]> = {}
  for (const [name, spec] of Object.entries(FACETS) as [string, Facet][]) {
    const rows = await facet(connection, orgId, filter, nowUs, spec)
    answer[name] = rows.map((row) => {
      if (spec.names === undefined) return { value: row.v, count: row.n }
      const named = { id: row.v, name: row.name, count: row.n }
      return name === 'users' ? { ...named, email: row.email } : named
    })
  }
  return answer as unknown as FilterAttributes
}
