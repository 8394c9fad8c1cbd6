/**
 * CSV from chunks of rows: the query's columns as stored, and the cell of each field.
 *
 * C++ writes the lines (csv-addon.ts) straight from DuckDB's memory. They equal the lines of session/csv.ts byte for
 * byte (a test compares them).
 */
import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api'
import { csvCell, csvName } from '../../../../session/csv.js'
import { PROTOCOLS } from '../../../../session/session.js'
import { EXPORT_FIELDS } from '../../export-fields.js'
import { columnName } from '../../sql/column-names.js'
import type { CsvPiece, Sort } from '../../store.js'
import { inOneState, rowsOf } from '../database.js'
import { orderBy } from '../read/pages.js'
import { COLUMNS, type Column, payloadSql } from '../schema/columns.js'
import { csvAddon, type NativeCell, type NativeCsvLines, type NativeType } from './csv-addon.js'
import { linesOfChunk } from './csv-layout.js'

const NATIVE_TYPES: Readonly<Record<string, NativeType>> = {
  BIGINT: 'int64',
  USMALLINT: 'uint16',
  UTINYINT: 'uint8',
  BOOLEAN: 'uint8',
  VARCHAR: 'text',
}

interface Selected {
  readonly name: string
  readonly type: NativeType
  readonly sql: string
}

function selected({ name, kind, sqlType }: Pick<Column, 'name' | 'kind' | 'sqlType'>): Selected {
  const type = kind === 'enum' ? 'uint8' : NATIVE_TYPES[sqlType]
  if (type === undefined) throw new RangeError(`no column of CSV can be ${sqlType}`)
  return { name, type, sql: `p.${name}` }
}

const SELECTED: readonly Selected[] = [
  // Without org_id, which is a constant here, and with the payload instead of the headers.
  ...COLUMNS.filter((c) => c.name !== 'org_id' && !c.name.startsWith('headers_')).map(selected),
  ...(['tx', 'rx'] as const).map((direction) => ({
    name: `payload_${direction}`,
    type: 'int64' as const,
    sql: `(${payloadSql(direction)})::BIGINT`,
  })),
  ...(['tx', 'rx'] as const).map((direction) => ({
    name: `goodput_${direction}`,
    type: 'int64' as const,
    sql: `(${payloadSql(direction)} - retransmitted_bytes_${direction})::BIGINT`,
  })),
  ...['is_open', 'is_interrupted'].map((name) =>
    selected({ name, kind: 'boolean', sqlType: 'BOOLEAN' }),
  ),
]

/** @param from a query whose columns are those of selectPlain() */
export function csvQuery(from: string, sort: Sort): string {
  return `SELECT ${SELECTED.map((c) => c.sql).join(', ')} FROM (${from}) p ${orderBy(sort, 'p.')}`
}

type Names<Id> = { readonly ids: readonly Id[]; readonly names: readonly string[] }

interface Named<Id> {
  readonly id: Id
  readonly name: string | null
}

/** The catalog's names as CSV cells, by id. */
export interface CsvNames {
  readonly clients: Names<number>
  readonly users: Names<string>
  readonly emails: Names<string>
  readonly resources: Names<number>
  readonly sites: Names<number>
}

export async function readNames(connection: DuckDBConnection, orgId: string): Promise<CsvNames> {
  const read = async <Id>(table: string, id: string, name = 'name'): Promise<Names<Id>> => {
    const sql = `SELECT ${id} AS id, ${name} AS name FROM ${table} WHERE org_id = $1`
    const rows = (await rowsOf(connection, sql, [orgId])) as unknown as Named<Id>[]
    return { ids: rows.map((row) => row.id), names: rows.map((row) => csvName(row.name)) }
  }
  return inOneState(connection, async () => ({
    clients: await read<number>('catalog_client', 'id::DOUBLE'),
    users: await read<string>('catalog_user', 'id'),
    emails: await read<string>('catalog_user', 'id', 'email'),
    resources: await read<number>('catalog_resource', 'id::DOUBLE'),
    sites: await read<number>('catalog_site', 'id::DOUBLE'),
  }))
}

export class CsvLines {
  readonly #native: NativeCsvLines

  constructor(orgId: string, names: CsvNames, fields = EXPORT_FIELDS) {
    const special = specialCells(orgId, names)
    this.#native = new (csvAddon().CsvLines)(
      SELECTED.map((c) => c.type),
      fields.map((name) => special[name] ?? plainCell(columnName(name))),
    )
  }

  /** @param chunk a chunk of csvQuery()'s result */
  write(chunk: DuckDBDataChunk): CsvPiece {
    const rows = chunk.rowCount
    const text = linesOfChunk(this.#native, chunk)
    // Frees the chunk's texts now; the garbage collector frees the rest later.
    chunk.reset()
    return { text, rows }
  }
}

function columns(...names: readonly string[]): number[] {
  return names.map((name) => {
    const at = SELECTED.findIndex((c) => c.name === name)
    if (at === -1) throw new RangeError(`no such column: ${name}`)
    return at
  })
}

/** The cell of a field that is one unchanged column. */
function plainCell(name: string): NativeCell {
  const { kind, words } = COLUMNS.find((c) => c.name === name) ?? { kind: 'integer' }
  const at = { columns: columns(name) }
  if (words !== undefined) return { kind: 'word', words: words.map(csvCell), ...at }
  if (kind === 'boolean') return { kind: 'flag', ...at }
  return { kind: kind === 'text' ? 'text' : 'number', ...at }
}

function specialCells(
  orgId: string,
  { clients, users, emails, resources, sites }: CsvNames,
): Record<string, NativeCell> {
  const five = columns('protocol', 'source_ip', 'source_port', 'dest_ip', 'dest_port')
  return {
    timestamp: { kind: 'second', columns: columns('start_us') },
    orgId: { kind: 'constant', columns: [], text: csvCell(orgId) },
    startTime: { kind: 'time', columns: columns('start_us') },
    endTime: { kind: 'endTime', columns: columns('start_us', 'duration_us') },
    duration: { kind: 'duration', columns: columns('duration_us', 'is_open') },
    sourceAddr: { kind: 'endpoint', columns: columns('source_ip', 'source_port') },
    destAddr: { kind: 'endpoint', columns: columns('dest_ip', 'dest_port') },
    sessionId: { kind: 'sessionId', columns: columns('run', 'seq') },
    communityId: { kind: 'communityId', columns: five, words: PROTOCOLS },
    clientName: { kind: 'name', columns: columns('client_id'), ...clients },
    otherClientName: { kind: 'name', columns: columns('other_client_id'), ...clients },
    resourceName: { kind: 'name', columns: columns('site_resource_id'), ...resources },
    siteName: { kind: 'name', columns: columns('site_id'), ...sites },
    userName: { kind: 'textName', columns: columns('user_id'), ...users },
    userEmail: { kind: 'textName', columns: columns('user_id'), ...emails },
    interrupted: { kind: 'flag', columns: columns('is_interrupted') },
  }
}
