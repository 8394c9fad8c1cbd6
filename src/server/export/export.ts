/**
 * Exports: rows from the store as CSV, NDJSON or Parquet. The stream pulls one chunk at a time, so memory does not grow
 * with the answer. The query ends when the client disconnects.
 */
import { once } from 'node:events'
import { pipeline, Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { csvHeader } from '../../session/csv.js'
import { LOG_FIELDS, type LogField } from '../query/api-row.js'
import type { Cancel, CsvPiece, LogFilter, LogRow, Sort, Store } from '../store/store.js'
import { type ManifestHead, withManifestLine } from './manifest-line.js'

/** 2 MiB, a few pieces of CSV: some are made while earlier ones are sent. */
const HIGH_WATER_BYTES = 2 * 1024 * 1024

export interface ExportRequest {
  readonly filter: LogFilter
  readonly sort: Sort
  readonly format: 'csv' | 'ndjson' | 'parquet'
  readonly gzip: boolean
  /** Names of LOG_FIELDS, in this order; undefined: all of them. */
  readonly columns: readonly string[] | undefined
  readonly signal: AbortSignal
  readonly late: NonNullable<Cancel['late']>
  /** Called with the number of rows of each piece; for Parquet with 1 for the file. */
  readonly counted: (rows: number) => void
  /** For NDJSON: the last line is this manifest, with the rows, bytes and SHA-256 of the lines before it. */
  readonly manifestLine?: ManifestHead
}

/** Resolves after the first rows are read, because until then a failure can still become an error answer. */
export async function exportStream(
  store: Store,
  orgId: string,
  request: ExportRequest,
): Promise<Readable> {
  const { filter, sort, format, signal, late, columns } = request
  let rows = 0
  const counted = (more: number) => {
    rows += more
    request.counted(more)
  }
  const fields = columns === undefined ? LOG_FIELDS : columns.map(fieldOf)
  const options = { signal, late, ...(columns !== undefined && { columns }) }
  if (format === 'parquet') {
    const file = endedBy(signal, await store.parquet(orgId, filter, sort, options))
    counted(1)
    return file
  }
  const text =
    format === 'csv'
      ? bytesOf(store.csv(orgId, filter, sort, options), csvText, counted, headerOf(fields))
      : bytesOf(store.rows(orgId, filter, sort, { signal, late }), ndjsonText(fields), counted)
  const { manifestLine } = request
  const pieces =
    manifestLine === undefined ? text : withManifestLine(text, manifestLine, () => rows)
  const bytes = { objectMode: false, highWaterMark: HIGH_WATER_BYTES }
  const plain = endedBy(signal, Readable.from(pieces, bytes))
  await once(plain, 'readable', { signal })
  if (!request.gzip) return plain
  // pipeline: destroying either stream destroys the other, and so ends the query.
  return pipeline(plain, createGzip({ level: 3 }), () => undefined)
}

/** Destroys the stream on abort, because a stream that is never sent gets no 'close' from its answer. */
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
    // The header waits for the first piece, because reading that may fail.
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
