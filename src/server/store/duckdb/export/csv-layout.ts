/**
 * The memory of DuckDB's data chunks as the addon reads it, and a check of its layout.
 *
 * @duckdb/node-api holds a column's memory as a typed array, or as a DataView for VARCHAR and BOOLEAN. A text takes 16
 * bytes: its length, then either up to 12 bytes of text or 4 of them and a pointer (duckdb_string_t in duckdb.h).
 */
import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api'
import { AppError } from '../../../../base/errors.js'
import { CSV_LINE_END, csvCell } from '../../../../session/csv.js'
import { csvAddon, type NativeCell, type NativeCsvLines, type NativeType } from './csv-addon.js'

/** The private fields of @duckdb/node-api's vectors. */
interface VectorInside {
  readonly items?: ArrayBufferView
  readonly dataView?: ArrayBufferView
  readonly validity?: { readonly data: BigUint64Array | null }
}

/** The lines of a chunk, whose columns must be those of `lines`. */
export function linesOfChunk(lines: NativeCsvLines, chunk: DuckDBDataChunk): Uint8Array {
  const values: ArrayBufferView[] = []
  const masks: (ArrayBufferView | null)[] = []
  for (let i = 0; i < chunk.columnCount; i++) {
    const { items, dataView, validity } = chunk.getColumnVector(i) as unknown as VectorInside
    values.push(items ?? dataView!)
    masks.push(validity!.data)
  }
  return lines.write(chunk.rowCount, values, masks, chunk)
}

const IN_PLACE_BYTES = 12
const HEAD_BYTES = 4
const TEXT_BYTES = 16
const TEXTS = [
  '',
  'twelve bytes',
  'thirteen byte',
  'é, "日本"',
  null,
  'thirteen byte, thirteen byte',
]
const WORDS = ['first', 'second']
const TYPES: readonly NativeType[] = ['int64', 'uint16', 'uint8', 'uint8', 'uint8', 'text']
const CELLS: readonly NativeCell[] = [
  ...[0, 1, 2].map((i) => ({ kind: 'number' as const, columns: [i] })),
  { kind: 'flag', columns: [3] },
  { kind: 'word', columns: [4], words: WORDS },
  { kind: 'text', columns: [5] },
]

/** One row for each of TEXTS. */
const QUERY = `SELECT if(t IS NULL, NULL, ${Number.MAX_SAFE_INTEGER} - i)::BIGINT, (65535 - i)::USMALLINT,
    (255 - i)::UTINYINT, i % 2 = 1, enum_range(NULL::ENUM ('first', 'second'))[1 + i % 2]
      ::ENUM ('first', 'second'), t
  FROM (SELECT unnest(range(${TEXTS.length})) AS i, unnest($1::VARCHAR[]) AS t)`

function expectedLines(): string {
  return TEXTS.map((text, i) => {
    const number = text === null ? null : Number.MAX_SAFE_INTEGER - i
    const row = [number, 65535 - i, 255 - i, i % 2 === 1, WORDS[i % 2]!, text]
    return row.map(csvCell).join(',') + CSV_LINE_END
  }).join('')
}

/** A chunk of known values. */
export async function layoutChunk(connection: DuckDBConnection): Promise<DuckDBDataChunk> {
  const result = await connection.run(
    QUERY.replace('$1', `[${TEXTS.map((t) => (t === null ? 'NULL' : `'${t}'`)).join(', ')}]`),
  )
  return (await result.fetchChunk())!
}

/** The first difference to the layout that the addon reads, or null. */
export function layoutFault(chunk: DuckDBDataChunk): string | null {
  const { dataView } = chunk.getColumnVector(TEXTS.length - 1) as unknown as VectorInside
  // Check the texts' own bytes before the addon follows a pointer.
  if (dataView?.byteLength !== TEXTS.length * TEXT_BYTES) return 'texts do not take 16 bytes'
  const bytes = Buffer.from(dataView.buffer, dataView.byteOffset, dataView.byteLength)
  for (const [i, text] of TEXTS.entries()) {
    if (text === null) continue
    const expected = Buffer.from(text)
    const at = i * TEXT_BYTES
    const inPlace = expected.length > IN_PLACE_BYTES ? HEAD_BYTES : expected.length
    const head = expected.subarray(0, inPlace)
    if (
      new DataView(dataView.buffer, dataView.byteOffset + at).getUint32(0, true) !== expected.length
    )
      return 'a text does not begin with its length'
    if (!bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + inPlace).equals(head))
      return 'a text does not follow its length'
  }
  const lines = linesOfChunk(new (csvAddon().CsvLines)(TYPES, CELLS), chunk)
  return Buffer.from(lines).toString() === expectedLines() ? null : 'a value is read as another'
}

/** @throws AppError DUCKDB_LAYOUT if DuckDB's memory layout is not the one that the addon reads */
export async function checkLayout(connection: DuckDBConnection): Promise<void> {
  const fault = layoutFault(await layoutChunk(connection))
  if (fault === null) return
  throw new AppError(
    'DUCKDB_LAYOUT',
    `this DuckDB has another memory layout than CSV needs: ${fault}`,
    {
      hint: 'Install the @duckdb/node-api that package-lock.json names.',
    },
  )
}
