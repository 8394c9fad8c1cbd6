/**
 * What a CSV export reads of a slice of rows: numbers only, and beside them the few texts that they stand for.
 *
 * To put texts into every row, and lines together in SQL, costs DuckDB several times as much as all the rest; so
 * each text is a key (of a dictionary-coded column DuckDB makes it once a word), sorted and read as a number, and
 * csv-lines.ts writes the lines.
 */
import { randomBytes } from 'node:crypto'
import type { DuckDBConnection, DuckDBDataChunk, DuckDBMaterializedResult } from '@duckdb/node-api'
import type { Sort } from '../store.js'
import { COLUMNS, usualHeadersSql } from './columns.js'
import { literal, rowsOf } from './database.js'
import { orderBy } from './pages.js'
import { Words } from './words.js'

const NUMBERS = COLUMNS.filter((c) => c.kind === 'integer' && !c.name.startsWith('headers_'))
const ENUMS = COLUMNS.filter((c) => c.kind === 'enum')
/** All rows are of one organisation. */
export const CSV_TEXTS = COLUMNS.filter((c) => c.kind === 'text' && c.name !== 'org_id').map(
  (c) => c.name,
)
const FLAGS = ['midstream', 'is_open', 'is_interrupted']

/** Names of the columns of rowsQuery(), in order; all are DOUBLE. */
export const CSV_COLUMNS: readonly string[] = [
  ...NUMBERS.map((c) => c.name),
  'payload_tx',
  'payload_rx',
  ...ENUMS.map((c) => c.name),
  ...FLAGS,
  ...CSV_TEXTS,
]

const NONE = `'NaN'::DOUBLE`
/** 53 bits: what a DOUBLE holds. The salt is random, so that nobody can choose texts of equal keys. */
const key = (salt: string, text: string) => `(hash(${literal(salt)} || ${text}) >> 11)::DOUBLE`
const payload = (way: string) => `bytes_${way} - headers_${way} - ${usualHeadersSql(way)}`

/** The rows of `from`, which has all columns of `session` and the flags, in order. */
function rowsQuery(from: string, sort: Sort, salt: string): string {
  const number = (sql: string) => `coalesce((${sql})::DOUBLE, ${NONE})`
  const columns = [
    ...NUMBERS.map((c) => number(`p.${c.name}`)),
    ...['tx', 'rx'].map((way) => number(payload(way))),
    ...ENUMS.map((c) => number(`enum_code(p.${c.name})`)),
    ...FLAGS.map((name) => `p.${name}::DOUBLE`),
    ...CSV_TEXTS.map((name) => key(salt, `p.${name}`)),
  ]
  return `SELECT ${columns.join(', ')} FROM (${from}) p ${orderBy(sort, 'p.')}`
}

/** Every text of these rows, with its column and key. */
function wordsQuery(from: string, salt: string): string {
  const parts = CSV_TEXTS.map(
    (name, i) => `SELECT ${i} AS i, ${key(salt, 'word')} AS key, word
      FROM (SELECT p.${name} AS word FROM (${from}) p GROUP BY 1)`,
  )
  return parts.join(' UNION ALL ')
}

export interface CsvSlice {
  readonly result: DuckDBMaterializedResult
  /** Of each of CSV_TEXTS. */
  readonly words: readonly Words[]
}

const SALT_BYTES = 16

/**
 * Rows in order, and their texts, of one snapshot.
 * @param from a query of all columns of `session` and the flags
 */
export async function readSlice(
  connection: DuckDBConnection,
  from: string,
  values: readonly string[],
  sort: Sort,
): Promise<CsvSlice> {
  for (;;) {
    const salt = randomBytes(SALT_BYTES).toString('hex')
    await connection.run('BEGIN TRANSACTION READ ONLY')
    try {
      const words = await readWords(connection, wordsQuery(from, salt), values)
      // Two texts of one key: once in a hundred thousand exports of ten thousand different texts. Another salt.
      if (words === null) continue
      return { result: await connection.run(rowsQuery(from, sort, salt), [...values]), words }
    } finally {
      await connection.run('ROLLBACK').catch(() => undefined)
    }
  }
}

async function readWords(
  connection: DuckDBConnection,
  query: string,
  values: readonly string[],
): Promise<CsvSlice['words'] | null> {
  const words = CSV_TEXTS.map(() => new Words())
  for (const { i, key, word } of await rowsOf(connection, query, values)) {
    if (!words[i as number]!.add(key as number, word as string | null)) return null
  }
  return words
}

/** The columns of a chunk of the rows; none holds NULLs. */
export function columnsOf(chunk: DuckDBDataChunk): Float64Array[] {
  return CSV_COLUMNS.map((_, i) => {
    // As an array, without a call for each value.
    const { items } = chunk.getColumnVector(i) as unknown as { items: Float64Array }
    return items
  })
}
