/**
 * Exports: rows from the store as CSV, NDJSON or Parquet, one chunk at a time, so that memory does not grow with
 * the answer. The stream pulls; a client that goes away ends the query.
 */
import { once } from 'node:events'
import { pipeline, Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { csvHeader } from '../../session/csv.js'
import { LOG_FIELDS, type LogField } from '../query/api-row.js'
import type { Cancel, CsvPiece, LogFilter, LogRow, Sort, Store } from '../store/store.js'

/** A few pieces of CSV: they are made while those before them are sent. */
const HIGH_WATER_BYTES = 2 * 1024 * 1024

export interface ExportRequest {
  readonly filter: LogFilter
  readonly sort: Sort
  readonly format: 'csv' | 'ndjson' | 'parquet'
  readonly gzip: boolean
  /** Names of LOG_FIELDS, in this order; all of them when it is left out. */
  readonly columns: readonly string[] | undefined
  readonly signal: AbortSignal
  readonly late: NonNullable<Cancel['late']>
  /** Told of rows as they go out; for Parquet once a file. */
  readonly counted: (rows: number) => void
}

/** The first rows are read before it resolves: a failure is still an answer then, not a torn stream. */
export async function exportStream(
  store: Store,
  orgId: string,
  request: ExportRequest,
): Promise<Readable> {
  const { filter, sort, format, signal, late, counted, columns } = request
  const fields = columns === undefined ? LOG_FIELDS : columns.map(fieldOf)
  const options = { signal, late, ...(columns !== undefined && { columns }) }
  if (format === 'parquet') {
    const file = endedBy(signal, await store.parquet(orgId, filter, sort, options))
    counted(1)
    return file
  }
  const pieces =
    format === 'csv'
      ? bytesOf(store.csv(orgId, filter, sort, options), csvText, counted, headerOf(fields))
      : bytesOf(store.rows(orgId, filter, sort, { signal, late }), ndjsonText(fields), counted)
  const bytes = { objectMode: false, highWaterMark: HIGH_WATER_BYTES }
  const plain = endedBy(signal, Readable.from(pieces, bytes))
  await once(plain, 'readable', { signal })
  if (!request.gzip) return plain
  // pipeline: destroying either end ends the other, and with it the query.
  return pipeline(plain, createGzip({ level: 3 }), () => undefined)
}

/** Not only by whom it is sent to, who may never hear of it. */
function endedBy(signal: AbortSignal, stream: Readable): Readable {
  const end = () => stream.destroy()
  signal.addEventListener('abort', end)
  stream.once('close', () => signal.removeEventListener('abort', end))
  if (signal.aborted) end()
  return stream
}

interface Text {
  readonly bytes: Uint8Array
  readonly rows: number
}

async function* bytesOf<T>(
  source: AsyncIterable<T>,
  textOf: (piece: T) => Text,
  counted: (rows: number) => void,
  header?: Buffer,
): AsyncGenerator<Uint8Array> {
  let before = header
  for await (const piece of source) {
    const { bytes, rows } = textOf(piece)
    counted(rows)
    // Not earlier: the first piece may be a failure.
    if (before !== undefined) yield before
    before = undefined
    yield bytes
  }
  if (before !== undefined) yield before
}

function fieldOf(name: string): LogField {
  const field = LOG_FIELDS.find((one) => one.name === name)
  if (field === undefined) throw new RangeError(`no such field: ${name}`)
  return field
}

const headerOf = (fields: readonly LogField[]) => Buffer.from(csvHeader(fields))

function csvText({ text, rows }: CsvPiece): Text {
  return { bytes: text, rows }
}

function ndjsonText(fields: readonly LogField[]): (rows: readonly LogRow[]) => Text {
  return (rows) => {
    let text = ''
    for (const row of rows) text += ndjsonOf(fields, row)
    return { bytes: Buffer.from(text), rows: rows.length }
  }
}

function ndjsonOf(fields: readonly LogField[], row: LogRow): string {
  const object: Record<string, unknown> = {}
  for (const field of fields) object[field.name] = field.read(row)
  return `${JSON.stringify(object)}\n`
}
