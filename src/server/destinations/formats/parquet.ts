/**
 * Writes a batch of native events as a Parquet file, with an in-memory DuckDB for each file. Names and types are those
 * of a Parquet export (server/store/duckdb/export/parquet.ts).
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { LogField } from '../../query/api-row.js'
import { Mutex } from '../../store/mutex.js'
import { nativeFields } from './native.js'

const OPTIONS = {
  memory_limit: '256MiB',
  threads: '1',
  preserve_insertion_order: 'true',
  // DuckDB must not download extensions.
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
}
const TYPES: Readonly<Record<LogField['type'], string>> = {
  integer: 'BIGINT',
  number: 'DOUBLE',
  text: 'VARCHAR',
  boolean: 'BOOLEAN',
}
/** Columns with a zone, because a reader must not take them for times in its own zone. */
const INSTANTS = new Set(['startTime', 'endTime'])

function typeOf({ name, type }: LogField): string {
  return INSTANTS.has(name) ? 'TIMESTAMP WITH TIME ZONE' : TYPES[type]
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** Each file takes up to 256 MiB and a core, so the destinations of the server make them one at a time. */
const making = new Mutex()

/** @param columns null: all fields. Properties without a column are left out, such as the mark of a test event. */
export async function parquetOf(
  events: readonly string[],
  columns: readonly string[] | null,
): Promise<Buffer> {
  return making.run(() => fileOf(events, columns))
}

async function fileOf(
  events: readonly string[],
  columns: readonly string[] | null,
): Promise<Buffer> {
  const fields = nativeFields(columns)
  const directory = mkdtempSync(join(tmpdir(), 'tunmeter-parquet-'))
  const [from, to] = [join(directory, 'events.ndjson'), join(directory, 'events.parquet')]
  try {
    await writeFile(from, `${events.join('\n')}\n`, { mode: 0o600 })
    const types = fields.map((field) => `${literal(field.name)}: ${literal(typeOf(field))}`)
    const names = fields.map(({ name }) => `"${name}"`)
    await run(
      `COPY (SELECT ${names.join(', ')} FROM read_json(${literal(from)},
         format = 'newline_delimited', columns = {${types.join(', ')}}))
       TO ${literal(to)} (FORMAT parquet, COMPRESSION zstd)`,
    )
    return await readFile(to)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function run(sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', OPTIONS)
  try {
    const connection = await instance.connect()
    await connection.run(sql)
    connection.closeSync()
  } finally {
    instance.closeSync()
  }
}
