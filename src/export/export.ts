/**
 * Exports: rows from the store as CSV, NDJSON or Parquet, one chunk at a time, so that memory does not grow with
 * the answer. The stream pulls; a client that goes away ends the query.
 */
import { pipeline, Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { LOG_FIELDS } from '../query/api-row.js'
import { CSV_LINE_END, csvCell, csvHeader } from '../session/csv.js'
import type { LogFilter, LogRow, Sort, Store } from '../store/store.js'

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
  const plain = Readable.from(texts(store, orgId, request), {
    objectMode: false,
    highWaterMark: 256 * 1024,
  })
  if (!request.gzip) return plain
  // pipeline: destroying either end ends the other, and with it the query.
  return pipeline(plain, createGzip({ level: 3 }), () => undefined)
}

async function* texts(store: Store, orgId: string, request: ExportRequest): AsyncGenerator<Buffer> {
  const { filter, sort, format, signal, counted } = request
  const line = format === 'csv' ? csvOf : ndjsonOf
  if (format === 'csv') yield Buffer.from(csvHeader(LOG_FIELDS))
  for await (const rows of store.rows(orgId, filter, sort, { signal })) {
    let text = ''
    for (const row of rows) text += line(row)
    counted(rows.length)
    yield Buffer.from(text)
  }
}

const READS = LOG_FIELDS.map((f) => f.read)

function csvOf(row: LogRow): string {
  let line = csvCell(READS[0]!(row))
  for (let i = 1; i < READS.length; i++) line += `,${csvCell(READS[i]!(row))}`
  return line + CSV_LINE_END
}

function ndjsonOf(row: LogRow): string {
  const object: Record<string, unknown> = {}
  for (const field of LOG_FIELDS) object[field.name] = field.read(row)
  return `${JSON.stringify(object)}\n`
}
