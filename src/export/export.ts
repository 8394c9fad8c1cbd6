/**
 * Exports: rows from the store as CSV, NDJSON or Parquet, one chunk at a time, so that memory does not grow with
 * the answer. The stream pulls; a client that goes away ends the query.
 */
import { pipeline, Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { LOG_FIELDS } from '../query/api-row.js'
import { CSV_LINE_END, csvCell, csvHeader } from '../session/csv.js'
import type { LogFilter, LogRow, Sort, Store } from '../store/store.js'

const HIGH_WATER_BYTES = 256 * 1024

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
  // The first rows are read before anything is sent: a failure is still an answer then, not a torn stream.
  const rows = store.rows(orgId, filter, sort, { signal })[Symbol.asyncIterator]()
  const first = await rows.next()
  const plain = Readable.from(texts(first, rows, request), {
    objectMode: false,
    highWaterMark: HIGH_WATER_BYTES,
  })
  if (!request.gzip) return plain
  // pipeline: destroying either end ends the other, and with it the query.
  return pipeline(plain, createGzip({ level: 3 }), () => undefined)
}

async function* texts(
  first: IteratorResult<readonly LogRow[]>,
  rows: AsyncIterator<readonly LogRow[]>,
  { format, counted }: ExportRequest,
): AsyncGenerator<Buffer> {
  const line = format === 'csv' ? csvOf : ndjsonOf
  try {
    if (format === 'csv') yield Buffer.from(csvHeader(LOG_FIELDS))
    for (let next = first; next.done !== true; next = await rows.next()) {
      let text = ''
      for (const row of next.value) text += line(row)
      counted(next.value.length)
      yield Buffer.from(text)
    }
  } finally {
    // Also when the client has gone: ends the query and frees its connection.
    await rows.return?.()
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
