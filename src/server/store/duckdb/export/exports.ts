/**
 * Reads all rows under a filter, in order, with memory that does not grow with the answer.
 *
 * By time: a cheap count by minute cuts the range into slices of about `sliceRows` rows. Each slice is sorted on its
 * own and fetched completely, so no transaction stays open while a slow client reads. By another key, or if a single
 * millisecond has too many rows: the rows are first sorted into a temporary table (DuckDB sorts on disk if memory is
 * short), which is read in slices.
 *
 * A session whose report arrives during the export is in it once, in either state. Names are those at its beginning.
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
/** The smallest --store-memory lets two connections sort this many rows each. A row takes 350 B until it is written. */
export const CSV_SLICE_ROWS = 20_000
/** If one minute has more than FULL × sliceRows rows (100,000; CSV: 40,000), it is sliced again by millisecond. */
const FULL = 2
const MINUTE_US = 60e6
const MILLISECOND_US = 1e3

/** The request. */
export interface Asked {
  readonly orgId: string
  readonly filter: LogFilter
  readonly sort: Sort
  /** The time at which open sessions are open or interrupted. */
  readonly nowUs: number
  /** About this many rows are read at once. */
  readonly sliceRows: number
  /** Runs work that takes much memory, one at a time. */
  readonly alone: (work: () => Promise<unknown>) => Promise<unknown>
  /** The fields of CSV; undefined: all. */
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

/** Fixes the names for this connection: its temporary tables hide the tables of the catalog. */
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

/** The rows as CSV. By time, each of the connections reads a slice while the one before is written and sent. */
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

/** Reads items in order. Each connection already reads one while the caller has the one before. */
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
      // Each read is awaited in order. Until then a failure must not count as unhandled.
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
    // A piece takes some milliseconds; other requests go on between two.
    await setImmediate()
  }
}

interface Slice {
  readonly fromUs: number
  readonly toUs: number
  readonly rows: number
  /** The slice is one millisecond with more rows than may be fetched at once. */
  readonly full: boolean
}

/**
 * Slices in order, within the filter's range, with at least one row each: whole minutes, and milliseconds of crowded
 * minutes. They come in groups, and `connection` is used only before each group. A full slice is a group of its own.
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

/** Sorts all rows, and then yields one query for each slice, without end: the caller stops at an empty slice. */
async function* ordered(connection: DuckDBConnection, asked: Asked): AsyncGenerator<string> {
  const { plain, values } = plainQuery(asked)
  const create = () =>
    connection.run(
      `CREATE OR REPLACE TEMP TABLE export_order AS SELECT * FROM (${plain}) ${orderBy(asked.sort)}`,
      [...values],
    )
  // By time, only the rows of one crowded millisecond are sorted.
  await (asked.sort.key === 'startTime' ? create() : asked.alone(create))
  try {
    for (let at = 0; ; at += asked.sliceRows)
      yield `SELECT * FROM export_order WHERE rowid >= ${int(at)} AND rowid < ${int(at + asked.sliceRows)}`
  } finally {
    await connection.run('DROP TABLE IF EXISTS export_order').catch(() => undefined)
  }
}
