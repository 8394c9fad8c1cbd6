/**
 * Reading everything under a filter, in order, with memory that does not grow with the answer.
 *
 * By time: the range is cut into slices of about SLICE_ROWS rows (from one cheap count by minute); each is sorted on
 * its own and fetched whole, so no transaction stays open while a slow client reads. By another key: the rows go
 * into a temporary table in order first (DuckDB sorts on disk when memory is short), which is read slice by slice.
 *
 * A session whose report comes while the export runs is in it once, in either state.
 */
import { setImmediate } from 'node:timers/promises'
import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api'
import type { CsvPiece, LogFilter, LogRow, Sort } from '../store.js'
import { CsvLines, csvQuery, readNames } from './csv.js'
import { checkLayout } from './csv-layout.js'
import { int, rowsOf } from './database.js'
import { orderBy } from './pages.js'
import { rowsOfChunk, selectPlain, withNames } from './rows.js'
import { Sql, sources } from './where.js'

export const SLICE_ROWS = 50_000
/** Two lanes of them sort in the smallest --store-memory; 350 B a row are held until they are written. */
const CSV_SLICE_ROWS = 20_000
const MINUTE_US = 60e6

/** The whole answer as one query, for Parquet. */
export function exportQuery(
  orgId: string,
  filter: LogFilter,
  sort: Sort,
  nowUs: number,
): { text: string; values: string[] } {
  const sql = new Sql()
  const plain = sources(sql, orgId, filter, nowUs).map(selectPlain).join(' UNION ALL ')
  return { text: withNames(plain, orderBy(sort, 'p.')), values: sql.values }
}

export async function* exportRows(
  connection: DuckDBConnection,
  orgId: string,
  filter: LogFilter,
  sort: Sort,
  nowUs: number,
): AsyncGenerator<readonly LogRow[]> {
  if (sort.key === 'startTime') yield* byTime(connection, orgId, filter, sort, nowUs)
  else yield* byOrder(connection, orgId, filter, sort, nowUs)
}

async function* byTime(
  connection: DuckDBConnection,
  orgId: string,
  filter: LogFilter,
  sort: Sort,
  nowUs: number,
): AsyncGenerator<readonly LogRow[]> {
  const slices = await timeSlices(connection, orgId, filter, nowUs, SLICE_ROWS)
  if (sort.descending) slices.reverse()
  for (const [fromUs, toUs] of slices) {
    const { text, values } = exportQuery(orgId, { ...filter, fromUs, toUs }, sort, nowUs)
    const result = await connection.run(text, values)
    for (const chunk of await result.fetchAllChunks()) yield rowsOfChunk(chunk)
  }
}

/**
 * As CSV. @param lanes connections: by time, each reads a slice while the one before is written and sent
 */
export async function* exportCsv(
  lanes: readonly DuckDBConnection[],
  orgId: string,
  filter: LogFilter,
  sort: Sort,
  nowUs: number,
): AsyncGenerator<CsvPiece> {
  await checkLayout(lanes[0]!)
  const lines = new CsvLines(orgId, await readNames(lanes[0]!, orgId))
  if (sort.key === 'startTime') {
    const slices = await timeSlices(lanes[0]!, orgId, filter, nowUs, CSV_SLICE_ROWS)
    if (sort.descending) slices.reverse()
    const read = (lane: DuckDBConnection, [fromUs, toUs]: readonly [number, number]) => {
      const sql = new Sql()
      const plain = sources(sql, orgId, { ...filter, fromUs, toUs }, nowUs).map(selectPlain)
      return chunksOf(lane, csvQuery(plain.join(' UNION ALL '), sort), sql.values)
    }
    for await (const chunks of ahead(lanes, slices, read)) yield* csvPieces(lines, chunks)
    return
  }
  const sql = new Sql()
  const plain = sources(sql, orgId, filter, nowUs).map(selectPlain).join(' UNION ALL ')
  for await (const rows of ordered(lanes[0]!, plain, sql.values, sort, CSV_SLICE_ROWS)) {
    const chunks = await chunksOf(lanes[0]!, csvQuery(rows, sort), [])
    if (chunks.length === 0) return
    yield* csvPieces(lines, chunks)
  }
}

async function chunksOf(
  connection: DuckDBConnection,
  query: string,
  values: readonly string[],
): Promise<DuckDBDataChunk[]> {
  return (await connection.stream(query, [...values])).fetchAllChunks()
}

/** In order; each lane is at work on one while the caller has the one before. */
async function* ahead<Item, Read>(
  lanes: readonly DuckDBConnection[],
  items: readonly Item[],
  read: (lane: DuckDBConnection, item: Item) => Promise<Read>,
): AsyncGenerator<Read> {
  const running: Promise<Read>[] = []
  let started = 0
  const fill = () => {
    while (running.length < lanes.length && started < items.length) {
      const next = read(lanes[started % lanes.length]!, items[started]!)
      started++
      // It is awaited in its turn; until then a failure has nobody to tell.
      next.catch(() => undefined)
      running.push(next)
    }
  }
  try {
    for (fill(); running.length > 0; ) {
      const result = await running.shift()!
      fill()
      yield result
    }
  } finally {
    for (const lane of lanes) lane.interrupt()
    await Promise.allSettled(running)
  }
}

async function* csvPieces(
  lines: CsvLines,
  chunks: readonly DuckDBDataChunk[],
): AsyncGenerator<CsvPiece> {
  for (const chunk of chunks) {
    yield lines.write(chunk)
    // Other requests go on between two pieces of some milliseconds.
    await setImmediate()
  }
}

/** Whole minutes, cut to the filter's range; at least one row in each. */
async function timeSlices(
  connection: DuckDBConnection,
  orgId: string,
  filter: LogFilter,
  nowUs: number,
  sliceRows: number,
): Promise<[number, number][]> {
  const sql = new Sql()
  const parts = sources(sql, orgId, filter, nowUs).map(
    (s) =>
      `SELECT t.start_us // ${int(MINUTE_US)} AS minute, count(*) AS n FROM ${s.from} WHERE ${s.where} GROUP BY 1`,
  )
  const minutes = await rowsOf(
    connection,
    `SELECT minute::DOUBLE AS minute, sum(n)::DOUBLE AS n FROM (${parts.join(' UNION ALL ')}) GROUP BY 1 ORDER BY 1`,
    sql.values,
  )
  const slices: [number, number][] = []
  let rows = sliceRows
  for (const { minute, n } of minutes as { minute: number; n: number }[]) {
    const end = Math.min(filter.toUs, (minute + 1) * MINUTE_US)
    const last = slices.at(-1)
    if (last !== undefined && rows + n <= sliceRows) {
      last[1] = end
      rows += n
    } else {
      slices.push([Math.max(filter.fromUs, minute * MINUTE_US), end])
      rows = n
    }
  }
  return slices
}

async function* byOrder(
  connection: DuckDBConnection,
  orgId: string,
  filter: LogFilter,
  sort: Sort,
  nowUs: number,
): AsyncGenerator<readonly LogRow[]> {
  const sql = new Sql()
  const plain = sources(sql, orgId, filter, nowUs).map(selectPlain).join(' UNION ALL ')
  for await (const slice of ordered(connection, plain, sql.values, sort, SLICE_ROWS)) {
    const result = await connection.run(withNames(slice, orderBy(sort, 'p.')))
    if (result.rowCount === 0) return
    for (const chunk of await result.fetchAllChunks()) yield rowsOfChunk(chunk)
  }
}

/** Queries of one slice after the other, of rows that are put in order first; the last ones find nothing. */
async function* ordered(
  connection: DuckDBConnection,
  plain: string,
  values: readonly string[],
  sort: Sort,
  sliceRows: number,
): AsyncGenerator<string> {
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE export_order AS SELECT * FROM (${plain}) ${orderBy(sort)}`,
    [...values],
  )
  try {
    for (let at = 0; ; at += sliceRows)
      yield `SELECT * FROM export_order WHERE rowid >= ${int(at)} AND rowid < ${int(at + sliceRows)}`
  } finally {
    await connection.run('DROP TABLE IF EXISTS export_order').catch(() => undefined)
  }
}
