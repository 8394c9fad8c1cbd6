/** Rows of the log: the select list with the catalog's names, and result chunks as LogRow objects. */
import type { DuckDBDataChunk } from '@duckdb/node-api'
import type { LogRow } from '../store.js'
import { COLUMNS } from './columns.js'
import { sessionIdOf } from './ids.js'
import type { Source } from './where.js'

const NAMES = [
  ['clientName', 'c.name'],
  ['userName', 'u.name'],
  ['userEmail', 'u.email'],
  ['resourceName', 'r.name'],
  ['siteName', 's.name'],
] as const

/** Plain columns of one source, with its flags; `t` is the table. */
export function selectPlain(source: Source): string {
  const columns = COLUMNS.map((c) => `t.${c.name}`).join(', ')
  return `SELECT ${columns}, ${source.open} AS is_open, ${source.interrupted} AS is_interrupted
    FROM ${source.from} WHERE ${source.where}`
}

/** Adds the names to a query of plain columns; `order` is on its columns under the alias p. */
export function withNames(plain: string, order: string): string {
  const columns = COLUMNS.map((c) => {
    if (c.kind === 'integer') return `p.${c.name}::DOUBLE AS ${c.name}`
    return c.kind === 'enum' ? `p.${c.name}::VARCHAR AS ${c.name}` : `p.${c.name}`
  }).join(', ')
  return `SELECT ${columns}, p.is_open, p.is_interrupted, ${NAMES.map(([name, sql]) => `${sql} AS "${name}"`).join(', ')}
    FROM (${plain}) p ${NAME_JOINS} ${order}`
}

export const NAME_JOINS = `
    LEFT JOIN catalog_client c ON c.org_id = p.org_id AND c.id = p.client_id
    LEFT JOIN catalog_user u ON u.org_id = p.org_id AND u.id = p.user_id
    LEFT JOIN catalog_resource r ON r.org_id = p.org_id AND r.id = p.site_resource_id
    LEFT JOIN catalog_site s ON s.org_id = p.org_id AND s.id = p.site_id`

const INDEX = new Map(COLUMNS.map((c, i) => [c.name, i]))
const FLAGS_AT = COLUMNS.length

/** Property of LogRow to column; run and seq become sessionId. */
const PROPERTIES = COLUMNS.filter((c) => c.name !== 'run' && c.name !== 'seq').map(
  (c) => [propertyOf(c.name), INDEX.get(c.name)!] as const,
)

function propertyOf(column: string): string {
  if (column === 'start_us') return 'startTimeUs'
  if (column === 'end_us') return 'endTimeUs'
  return column.replace(/_(.)/g, (_, c: string) => c.toUpperCase())
}

export function rowsOfChunk(chunk: DuckDBDataChunk): LogRow[] {
  const columns = chunk.getColumns() as unknown[][]
  const runs = columns[INDEX.get('run')!] as string[]
  const sequences = columns[INDEX.get('seq')!] as number[]
  return runs.map((run, i) => {
    const row: Record<string, unknown> = { sessionId: sessionIdOf(run, sequences[i]!) }
    for (const [property, at] of PROPERTIES) row[property] = columns[at]![i]
    row.open = columns[FLAGS_AT]![i]
    row.interrupted = columns[FLAGS_AT + 1]![i]
    for (let n = 0; n < NAMES.length; n++) row[NAMES[n]![0]] = columns[FLAGS_AT + 2 + n]![i]
    return row as unknown as LogRow
  })
}
