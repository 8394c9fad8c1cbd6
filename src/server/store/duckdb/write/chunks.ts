/**
 * Writes sessions into DuckDB data chunks, a column at a time.
 *
 * A native call for each value would cost more than everything else, so a column's values are written into its vector's
 * memory, and its nulls into a bit mask. Most texts repeat (organisation, addresses, keys), so a text column is passed
 * as an ENUM of its texts, one small number a row, and DuckDB casts it to VARCHAR. A column of mostly different texts
 * is passed as VARCHAR.
 */
import {
  BOOLEAN,
  DOUBLE,
  type DuckDBAppender,
  type DuckDBConnection,
  DuckDBDataChunk,
  type DuckDBType,
  ENUM,
  VARCHAR,
} from '@duckdb/node-api'
import { isPlainText } from '../../../../session/plain-text.js'
import type { StoredSession } from '../../store.js'
import { OWN_COLUMN_AT, STORED_COLUMNS, type StoredColumn } from '../schema/columns.js'

/** DuckDB's vector size. */
const CHUNK_ROWS = 2048
/**
 * A column with more different texts in one append is passed as VARCHAR. An ENUM's word costs about 0.4 µs in each
 * chunk (the type is made, read back and indexed again), a text of a VARCHAR column 0.2 µs.
 */
const WORDS_MAX = 512

/** The private fields of @duckdb/node-api's vectors: memory for values, and a mask with a bit 1 for each value. */
interface Vector {
  readonly items: { set(numbers: ArrayLike<number>): void }
  readonly validity: { data: BigUint64Array | null }
  setItem(index: number, value: unknown): void
  flush(): void
}

type Numbers = Float64Array | Uint16Array | Uint8Array

/** All of a column's values, ready to be written. */
type Values =
  | { readonly type: DuckDBType; readonly numbers: Numbers; readonly mask: Mask }
  | { readonly type: DuckDBType; readonly texts: readonly (string | null)[] }

/** One bit for each row, 1 if it has a value. A column without nulls allocates nothing. */
class Mask {
  readonly #rows: number
  #bits: Uint32Array | null = null

  constructor(rows: number) {
    this.#rows = rows
  }

  addNull(row: number): void {
    this.#bits ??= new Uint32Array(2 * Math.ceil(this.#rows / 64)).fill(0xffffffff)
    this.#bits[row >>> 5]! &= ~(1 << (row & 31))
  }

  /** @param at a multiple of 64 */
  words(at: number, count: number): BigUint64Array | null {
    if (this.#bits === null) return null
    return new BigUint64Array(this.#bits.buffer, at / 8, Math.ceil(count / 64))
  }
}

function wordValues(column: StoredColumn, sessions: readonly StoredSession[]): Values | null {
  const codes = new Uint16Array(sessions.length)
  const mask = new Mask(sessions.length)
  const fixed = column.words !== undefined
  const words = new Map<string, number>((column.words ?? []).map((word, i) => [word, i]))
  let last: string | null = null
  let code = 0
  for (let i = 0; i < codes.length; i++) {
    const text = column.get(sessions[i]!) as string | null
    if (text === null) {
      mask.addNull(i)
      continue
    }
    if (text !== last) {
      last = text
      const known = words.get(text)
      code = known ?? words.size
      if (known === undefined) {
        // DuckDB ends texts at NUL and changes half surrogates; words that become equal by that make it fail.
        if (!isPlainText(text)) return null
        words.set(text, code)
      }
      if (words.size > WORDS_MAX) return null
    }
    codes[i] = code
  }
  if (!fixed && words.size * 2 > sessions.length + 2) return null
  // An ENUM needs a word, even when all are null.
  const list = words.size === 0 ? [''] : [...words.keys()]
  return { type: ENUM(list), numbers: codes, mask }
}

function numberValues(column: StoredColumn, sessions: readonly StoredSession[]): Values {
  const numbers = new Float64Array(sessions.length)
  const mask = new Mask(sessions.length)
  for (let i = 0; i < numbers.length; i++) {
    const value = column.get(sessions[i]!) as number | null
    if (value === null) mask.addNull(i)
    else numbers[i] = value
  }
  return { type: DOUBLE, numbers, mask }
}

/** A boolean that is null. */
const UNKNOWN = 2

function valuesOf(column: StoredColumn, sessions: readonly StoredSession[]): Values {
  if (column.kind === 'integer') return numberValues(column, sessions)
  if (column.kind === 'boolean') {
    const numbers = Uint8Array.from(sessions, (s) => {
      const value = column.get(s)
      return value === null ? UNKNOWN : Number(value)
    })
    return { type: BOOLEAN, numbers, mask: new Mask(sessions.length) }
  }
  const words = wordValues(column, sessions)
  if (words !== null) return words
  return { type: VARCHAR, texts: sessions.map((s) => column.get(s) as string | null) }
}

function write(vector: Vector, values: Values, at: number, count: number): void {
  if ('texts' in values) {
    for (let i = 0; i < count; i++) vector.setItem(i, values.texts[at + i])
  } else if (values.type === BOOLEAN) {
    for (let i = 0; i < count; i++) {
      const number = values.numbers[at + i]
      vector.setItem(i, number === UNKNOWN ? null : number === 1)
    }
  } else {
    vector.items.set(values.numbers.subarray(at, at + count))
    vector.validity.data = values.mask.words(at, count)
  }
  vector.flush()
}

/** Sessions by columns. Making this is most of the work of appending, and may be done before the transaction begins. */
export class SessionRows {
  readonly sessions: readonly StoredSession[]
  readonly #columns: readonly Values[]

  constructor(sessions: readonly StoredSession[], columns = STORED_COLUMNS) {
    this.sessions = sessions
    this.#columns = columns.map((column) => valuesOf(column, sessions))
  }

  /** @param extra values of the table's own integer column (OWN_COLUMN_AT), one for each session */
  appendTo(appender: DuckDBAppender, extra?: Float64Array): void {
    const columns = [...this.#columns]
    if (extra !== undefined) {
      const own: Values = { type: DOUBLE, numbers: extra, mask: new Mask(extra.length) }
      columns.splice(OWN_COLUMN_AT, 0, own)
    }
    const types = columns.map((values) => values.type)
    for (let at = 0; at < this.sessions.length; at += CHUNK_ROWS) {
      const count = Math.min(CHUNK_ROWS, this.sessions.length - at)
      const chunk = DuckDBDataChunk.create(types, count)
      for (const [c, values] of columns.entries())
        write(chunk.getColumnVector(c) as unknown as Vector, values, at, count)
      appender.appendDataChunk(chunk)
    }
  }
}

/** Appends rows in order, in the connection's transaction: all of them, or none if it throws. */
export async function appendTo(
  connection: DuckDBConnection,
  table: string,
  append: (appender: DuckDBAppender) => void,
): Promise<void> {
  const appender = await connection.createAppender(table)
  try {
    append(appender)
    appender.closeSync()
  } catch (error) {
    // Without clear(), the garbage collector would write the remaining rows long after this transaction.
    appender.clear()
    throw error
  }
}
