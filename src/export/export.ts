/**
 * Exports: rows from the store as CSV, NDJSON or Parquet, one chunk at a time, so that memory does not grow with
 * the answer. The stream pulls; a client that goes away ends the query.
 */
import { pipeline, Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { LOG_FIELDS } from '../query/api-row.js'
import { csvHeader } from '../session/csv.js'
import type { CsvPiece, LogFilter, LogRow, Sort, Store } from '../store/store.js'

/** A few pieces of CSV: they are made while those before them are sent. */
const HIGH_WATER_BYTES = 2 * 1024 * 1024

export interface ExportRequest {
  readonly filter: LogFilter
  readonly sort: Sort
  readonly format: 'csv' | 'ndjson' | 'parquet'
  readonly gzip: boolean
  readonly signal: AbortSignal
  /** Told of rows as they go out; for Parquet once a file. */
  readonly counted: (rows: number) => void
}

export async function exportStream(
  store: Store,
  orgId: string,
  request: ExportRequest,
): Promise<Readable> {
  const { filter, sort, format, signal } = request
  if (format === 'parquet') {
    const file = await store.parquet(orgId, filter, sort, { signal })
    request.counted(1)
    return file
  }
  const pieces =
    format === 'csv'
      ? await texts(store.csv(orgId, filter, sort, { signal }), csvText, request, CSV_HEADER)
      : await texts(store.rows(orgId, filter, sort, { signal }), ndjsonText, request)
  const plain = Readable.from(pieces, { objectMode: false, highWaterMark: HIGH_WATER_BYTES })
  if (!request.gzip) return plain
  // pipeline: destroying either end ends the other, and with it the query.
  return pipeline(plain, createGzip({ level: 3 }), () => undefined)
}

interface Text {
  readonly bytes: Uint8Array
  readonly rows: number
}

/** The first rows are read before anything is sent: a failure is still an answer then, not a torn stream. */
async function texts<T>(
  source: AsyncIterable<T>,
  textOf: (piece: T) => Text,
  { counted }: ExportRequest,
  header?: Buffer,
): Promise<AsyncGenerator<Uint8Array>> {
  const pieces = source[Symbol.asyncIterator]()
  const first = await pieces.next()
  return (async function* () {
    try {
      if (header !== undefined) yield header
      for (let next = first; next.done !== true; next = await pieces.next()) {
        const { bytes, rows } = textOf(next.value)
        counted(rows)
        yield bytes
      }
    } finally {
      // Also when the client has gone: ends the query and frees its connection.
      await pieces.return?.()
    }
  })()
}

const CSV_HEADER = Buffer.from(csvHeader(LOG_FIELDS))

function csvText({ text, rows }: CsvPiece): Text {
  return { bytes: text, rows }
}

function ndjsonText(rows: readonly LogRow[]): Text {
  let text = ''
  for (const row of rows) text += ndjsonOf(row)
  return { bytes: Buffer.from(text), rows: rows.length }
}

function ndjsonOf(row: LogRow): string {
  const object: Record<string, unknown> = {}
  for (const field of LOG_FIELDS) object[field.name] = field.read(row)
  return `${JSON.stringify(object)}\n`
}
