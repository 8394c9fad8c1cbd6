/**
 * What a CSV export reads of a slice of rows: numbers only, and beside them the few texts that they stand for.
 *
 * To put texts into every row, and lines together in SQL, costs DuckDB several times as much as all the rest; so
 * each text is a key (of a dictionary-coded column DuckDB makes it once a word), sorted and read as a number, and
 * csv-lines.ts writes the lines.
 */
import { randomBytes } from 'node:crypto'
import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api'
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
  /** Columns of each chunk of rows, as CSV_COLUMNS. */
  readonly chunks: readonly Float64Array[][]
  /** Of each of CSV_TEXTS. */
  readonly words: readonly Words[]
}

const SALT_BYTES = 16
/** Texts that are kept for the slices to come. Of so many, two have one key in one of 200,000 exports. */
const WORDS_MAX = 200_000

/** The texts that one export has met. */
class Dictionary {
  readonly salt = randomBytes(SALT_BYTES).toString('hex')
  readonly words = CSV_TEXTS.map(() => new Words())

  get isFull(): boolean {
    return this.words.reduce((sum, words) => sum + words.count, 0) > WORDS_MAX
  }

  knows(chunks: CsvSlice['chunks']): boolean {
    return chunks.every((columns) =>
      this.words.every((words, i) =>
        columns[CSV_COLUMNS.length - CSV_TEXTS.length + i]!.every((key) => words.has(key)),
      ),
    )
  }
}

/** Reads the slices of one export. */
export class CsvReader {
  #dictionary = new Dictionary()

  /**
   * Rows in order, of one snapshot, and their texts, which are only asked for when a row has a new one.
   * @param from a query of all columns of `session` and the flags
   */
  async slice(
    connection: DuckDBConnection,
    from: string,
    values: readonly string[],
    sort: Sort,
  ): Promise<CsvSlice> {
    for (;;) {
      if (this.#dictionary.isFull) this.#dictionary = new Dictionary()
      const dictionary = this.#dictionary
      const { salt, words } = dictionary
      await connection.run('BEGIN TRANSACTION READ ONLY')
      try {
        const result = await connection.run(rowsQuery(from, sort, salt), [...values])
        const chunks = (await result.fetchAllChunks()).map(columnsOf)
        if (dictionary.knows(chunks)) return { chunks, words }
        if (await addWords(connection, wordsQuery(from, salt), values, words))
          return { chunks, words }
        // Two texts have one key: another salt.
        if (this.#dictionary === dictionary) this.#dictionary = new Dictionary()
      } finally {
        await connection.run('ROLLBACK').catch(() => undefined)
      }
    }
  }
}

/** @returns false when a key stands for two texts */
async function addWords(
  connection: DuckDBConnection,
  query: string,
  values: readonly string[],
  words: readonly Words[],
): Promise<boolean> {
  for (const { i, key, word } of await rowsOf(connection, query, values)) {
    if (!words[i as number]!.add(key as number, word as string | null)) return false
  }
  return true
}

/** None holds NULLs (rowsQuery). */
function columnsOf(chunk: DuckDBDataChunk): Float64Array[] {
  return CSV_COLUMNS.map((_, i) => {
    // As an array, without a call for each value.
    const { items } = chunk.getColumnVector(i) as unknown as { items: Float64Array }
    return items
  })
}
