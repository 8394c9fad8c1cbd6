/**
 * Reading everything under a filter, in order, with memory that does not grow with the answer.
 *
 * By time: the range is cut into slices of about SLICE_ROWS rows (from one cheap count by minute); each is sorted on
 * its own and fetched whole, so no transaction stays open while a slow client reads. By another key, and where a single
 * millisecond has too many: the rows go into a temporary table in order first (DuckDB sorts on disk when memory is
 * short), which is read slice by slice.
 *
 * A session whose report comes while the export runs is in it once, in either state. Names are those of its beginning.
 */
import { setImmediate } from 'node:timers/promises'
import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api'
import type { CsvPiece, LogFilter, LogRow, Sort } from '../../store.js'
import { inOneState, int, rowsOf } from '../database.js'
import { orderBy } from '../read/pages.js'
import { NAME_TABLES, rowsOfChunk, selectPlain, withNames } from '../read/rows.js'
import { Sql } from '../read/sql-parts.js'
import { sources } from '../read/where.js'
import { CsvLines, csvQuery, readNames } from './csv.js'
import { checkLayout } from './csv-layout.js'

export const SLICE_ROWS = 50_000
/** Two connections sort so many rows in the smallest --store-memory; 350 B a row are held until they are written. */
export const CSV_SLICE_ROWS = 20_000
/** If one minute holds more than FULL × sliceRows rows, it is sliced again by millisecond. */
const FULL = 2
const MINUTE_US = 60e6
const MILLISECOND_US = 1e3

/** What is asked for. */
export interface Asked {
  readonly orgId: string
  readonly filter: LogFilter
  readonly sort: Sort
  /** Open sessions are open, or interrupted, at this time. */
  readonly nowUs: number
  /** About so many rows are read at once. */
  readonly sliceRows: number
  /** For what takes much memory. */
  readonly alone: (work: () => Promise<unknown>) => Promise<unknown>
  /** Of CSV; all when it is left out. */
  readonly columns?: readonly string[] | undefined
}
type Query = Omit<Asked, 'sliceRows' | 'alone' | 'columns'>

/** The whole answer as one query, for Parquet. */
export function exportQuery(asked: Query): { text: string; values: string[] } {
  const { plain, values } = plainQuery(asked)
  return { text: withNames(plain, orderBy(asked.sort, 'p.')), values }
}

export async function* exportRows(
  connection: DuckDBConnection,
  asked: Asked,
): AsyncGenerator<readonly LogRow[]> {
  await keepNames(connection, asked.orgId)
  if (asked.sort.key === 'startTime') yield* byTime(connection, asked)
  else yield* byOrder(connection, asked)
}

/** The connection has the names of now from here on: its temporary tables hide those of the catalog. */
async function keepNames(connection: DuckDBConnection, orgId: string): Promise<void> {
  await inOneState(connection, async () => {
    for (const table of NAME_TABLES)
      await connection.run(
        `CREATE TEMP TABLE ${table} AS SELECT * FROM ${table} WHERE org_id = $1`,
        [orgId],
      )
  })
}

async function* byTime(
  connection: DuckDBConnection,
  asked: Asked,
): AsyncGenerator<readonly LogRow[]> {
  for await (const group of timeSlices(connection, asked)) {
    for (const slice of group) {
      const within = cutTo(asked, slice)
      if (slice.full) {
        yield* byOrder(connection, within)
        continue
      }
      const { text, values } = exportQuery(within)
      const result = await connection.run(text, values)
      for (const chunk of await result.fetchAllChunks()) yield rowsOfChunk(chunk)
    }
  }
}

function cutTo(asked: Asked, { fromUs, toUs }: Slice): Asked {
  return { ...asked, filter: { ...asked.filter, fromUs, toUs } }
}

/**
 * As CSV. @param connections connections: by time, each reads a slice while the one before is written and sent
 */
export async function* exportCsv(
  connections: readonly DuckDBConnection[],
  asked: Asked,
): AsyncGenerator<CsvPiece> {
  const first = connections[0]!
  await checkLayout(first)
  const names = await readNames(first, asked.orgId)
  const lines = new CsvLines(asked.orgId, names, asked.columns)
  if (asked.sort.key !== 'startTime') {
    yield* csvByOrder(first, lines, asked)
    return
  }
  const read = (connection: DuckDBConnection, slice: Slice) => {
    const { plain, values } = plainQuery(cutTo(asked, slice))
    return chunksOf(connection, csvQuery(plain, asked.sort), values)
  }
  for await (const group of timeSlices(first, asked)) {
    if (group[0]!.full) yield* csvByOrder(first, lines, cutTo(asked, group[0]!))
    else for await (const chunks of ahead(connections, group, read)) yield* csvPieces(lines, chunks)
  }
}

async function* csvByOrder(
  connection: DuckDBConnection,
  lines: CsvLines,
  asked: Asked,
): AsyncGenerator<CsvPiece> {
  for await (const rows of ordered(connection, asked)) {
    const chunks = await chunksOf(connection, csvQuery(rows, asked.sort), [])
    if (chunks.length === 0) return
    yield* csvPieces(lines, chunks)
  }
}

/** All columns of the rows under the filter, without names. */
function plainQuery({ orgId, filter, nowUs }: Query): {
  plain: string
  values: string[]
} {
  const sql = new Sql()
  const plain = sources(sql, orgId, filter, nowUs)
    .map((source) => selectPlain(source))
    .join(' UNION ALL ')
  return { plain, values: sql.values }
}

async function chunksOf(
  connection: DuckDBConnection,
  query: string,
  values: readonly string[],
): Promise<DuckDBDataChunk[]> {
  return (await connection.stream(query, [...values])).fetchAllChunks()
}

/** In order; each connection is at work on one while the caller has the one before. */
async function* ahead<Item, Read>(
  connections: readonly DuckDBConnection[],
  items: readonly Item[],
  read: (connection: DuckDBConnection, item: Item) => Promise<Read>,
): AsyncGenerator<Read> {
  const running: Promise<Read>[] = []
  let started = 0
  const fill = () => {
    while (running.length < connections.length && started < items.length) {
      const next = read(connections[started % connections.length]!, items[started]!)
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
    for (const connection of connections) connection.interrupt()
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

interface Slice {
  readonly fromUs: number
  readonly toUs: number
  readonly rows: number
  /** More rows than are fetched at once start in its one millisecond. */
  readonly full: boolean
}

/**
 * In order, cut to the filter's range, at least one row in each: whole minutes, and milliseconds of the minutes that
 * have too many. In groups, before each of which `connection` is used; a full one is alone in its group.
 */
async function* timeSlices(
  connection: DuckDBConnection,
  asked: Asked,
  unitUs = MINUTE_US,
): AsyncGenerator<Slice[]> {
  const slices = slicesOf(await countsByTime(connection, asked, unitUs), asked, unitUs)
  if (asked.sort.descending) slices.reverse()
  let group: Slice[] = []
  for (const slice of slices) {
    if (slice.rows <= asked.sliceRows * FULL) {
      group.push(slice)
      continue
    }
    if (group.length > 0) yield group
    group = []
    if (unitUs === MILLISECOND_US) yield [{ ...slice, full: true }]
    else yield* timeSlices(connection, cutTo(asked, slice), MILLISECOND_US)
  }
  if (group.length > 0) yield group
}

interface Count {
  readonly unit: number
  readonly n: number
}

async function countsByTime(
  connection: DuckDBConnection,
  { orgId, filter, nowUs }: Asked,
  unitUs: number,
): Promise<readonly Count[]> {
  const sql = new Sql()
  const parts = sources(sql, orgId, filter, nowUs).map(
    (s) =>
      `SELECT t.start_us // ${int(unitUs)} AS unit, count(*) AS n FROM ${s.from} WHERE ${s.where} GROUP BY 1`,
  )
  const rows = await rowsOf(
    connection,
    `SELECT unit::DOUBLE AS unit, sum(n)::DOUBLE AS n FROM (${parts.join(' UNION ALL ')}) GROUP BY 1 ORDER BY 1`,
    sql.values,
  )
  return rows as unknown as readonly Count[]
}

function slicesOf(counts: readonly Count[], { filter, sliceRows }: Asked, unitUs: number): Slice[] {
  const slices: Slice[] = []
  for (const { unit, n } of counts) {
    const fromUs = Math.max(filter.fromUs, unit * unitUs)
    const toUs = Math.min(filter.toUs, (unit + 1) * unitUs)
    const last = slices.at(-1)
    if (last !== undefined && last.rows + n <= sliceRows)
      slices[slices.length - 1] = { ...last, toUs, rows: last.rows + n }
    else slices.push({ fromUs, toUs, rows: n, full: false })
  }
  return slices
}

async function* byOrder(
  connection: DuckDBConnection,
  asked: Asked,
): AsyncGenerator<readonly LogRow[]> {
  for await (const slice of ordered(connection, asked)) {
    const result = await connection.run(withNames(slice, orderBy(asked.sort, 'p.')))
    if (result.rowCount === 0) return
    for (const chunk of await result.fetchAllChunks()) yield rowsOfChunk(chunk)
  }
}

/** Queries of one slice after the other, of rows that are put in order first; the last ones find nothing. */
async function* ordered(connection: DuckDBConnection, asked: Asked): AsyncGenerator<string> {
  const { plain, values } = plainQuery(asked)
  const create = () =>
    connection.run(
      `CREATE OR REPLACE TEMP TABLE export_order AS SELECT * FROM (${plain}) ${orderBy(asked.sort)}`,
      [...values],
    )
  // By time it is a crowded millisecond only.
  await (asked.sort.key === 'startTime' ? create() : asked.alone(create))
  try {
    for (let at = 0; ; at += asked.sliceRows)
      yield `SELECT * FROM export_order WHERE rowid >= ${int(at)} AND rowid < ${int(at + asked.sliceRows)}`
  } finally {
    await connection.run('DROP TABLE IF EXISTS export_order').catch(() => undefined)
  }
}
