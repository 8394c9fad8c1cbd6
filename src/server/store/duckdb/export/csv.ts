/**
 * CSV of chunks of rows: the query's columns as they are stored, and how each field's cell is made of them.
 *
 * The lines are written in C++ (csv-addon.ts) from the memory that DuckDB gives. They are what session/csv.ts makes
 * of the same rows, byte for byte (a test compares them).
 */
import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api'
import { csvCell, csvName } from '../../../../session/csv.js'
import { PROTOCOLS } from '../../../../session/session.js'
import type { CsvPiece, Sort } from '../../store.js'
import { inOneState, rowsOf } from '../database.js'
import { orderBy } from '../read/pages.js'
import { COLUMNS, type Column, columnName, usualHeadersSql } from '../schema/columns.js'
import { csvAddon, type NativeCell, type NativeCsvLines, type NativeType } from './csv-addon.js'
import { linesOfChunk } from './csv-layout.js'
import { EXPORT_FIELDS } from './parquet.js'

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
  // All rows are of one organisation; of the headers there is the payload.
  ...COLUMNS.filter((c) => c.name !== 'org_id' && !c.name.startsWith('headers_')).map(selected),
  ...['tx', 'rx'].map((way) => ({
    name: `payload_${way}`,
    type: 'int64' as const,
    sql: `(bytes_${way} - headers_${way} - ${usualHeadersSql(way)})::BIGINT`,
  })),
  ...['tx', 'rx'].map((way) => ({
    name: `goodput_${way}`,
    type: 'int64' as const,
    sql: `(bytes_${way} - headers_${way} - ${usualHeadersSql(way)} - retransmitted_bytes_${way})::BIGINT`,
  })),
  ...['is_open', 'is_interrupted'].map((name) =>
    selected({ name, kind: 'boolean', sqlType: 'BOOLEAN' }),
  ),
]

/** @param from a query of all columns of `session` and the flags */
export function csvQuery(from: string, sort: Sort): string {
  return `SELECT ${SELECTED.map((c) => c.sql).join(', ')} FROM (${from}) p ${orderBy(sort, 'p.')}`
}

type Names<Id> = { readonly ids: readonly Id[]; readonly names: readonly string[] }

interface Named<Id> {
  readonly id: Id
  readonly name: string | null
}

/** Cells of the catalog's names, by id. */
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

  /** @param chunk of the result of csvQuery() */
  write(chunk: DuckDBDataChunk): CsvPiece {
    const rows = chunk.rowCount
    const text = linesOfChunk(this.#native, chunk)
    // Frees its texts now; the rest of it is freed when V8 finds that nobody has it any more.
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

/** A cell that is its column as it is. */
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
