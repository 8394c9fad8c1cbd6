/**
 * Sessions into DuckDB data chunks, a column at a time.
 *
 * Crossing into native code once for each text of each row would cost more than all the rest. Most texts repeat
 * (organisation, site, addresses, keys), so a text column travels as an ENUM of the texts it holds, one small number
 * a row, and DuckDB casts it to VARCHAR. A column of mostly different texts travels as VARCHAR.
 */
import {
  BOOLEAN,
  DOUBLE,
  type DuckDBConnection,
  DuckDBDataChunk,
  type DuckDBType,
  ENUM,
  VARCHAR,
} from '@duckdb/node-api'
import type { StoredSession } from '../store.js'
import { COLUMNS, type Column } from './columns.js'

/** DuckDB's vector size. */
const CHUNK_ROWS = 2048
/** More different texts than this in one append: VARCHAR. */
const WORDS_MAX = 4096

interface Vector {
  setItem(index: number, value: unknown): void
  flush(): void
}

const FIXED: Readonly<Record<string, DuckDBType>> = { integer: DOUBLE, boolean: BOOLEAN }

function typeOf(column: Column, sessions: readonly StoredSession[]): DuckDBType {
  if (column.kind === 'enum') return ENUM(column.words!)
  const fixed = FIXED[column.kind]
  if (fixed !== undefined) return fixed
  const words = new Set<string>()
  let last: unknown
  for (const session of sessions) {
    const text = column.get(session)
    if (text === last || text === null) continue
    last = text
    words.add(text as string)
    if (words.size > WORDS_MAX) return VARCHAR
  }
  // An ENUM needs a word, even when all are null.
  return words.size * 2 > sessions.length + 2 ? VARCHAR : ENUM(words.size === 0 ? [''] : [...words])
}

/**
 * Appends rows to a table in the connection's transaction.
 * @param extra values of one more whole-number column at the end, one for each session
 */
export async function appendSessions(
  connection: DuckDBConnection,
  table: string,
  sessions: readonly StoredSession[],
  extra?: readonly number[],
): Promise<void> {
  if (sessions.length === 0) return
  const types = COLUMNS.map((column) => typeOf(column, sessions))
  if (extra !== undefined) types.push(DOUBLE)
  const appender = await connection.createAppender(table)
  for (let at = 0; at < sessions.length; at += CHUNK_ROWS) {
    const count = Math.min(CHUNK_ROWS, sessions.length - at)
    const chunk = DuckDBDataChunk.create(types, count)
    for (const [c, { get }] of COLUMNS.entries()) {
      const vector = chunk.getColumnVector(c) as unknown as Vector
      for (let i = 0; i < count; i++) vector.setItem(i, get(sessions[at + i]!))
      vector.flush()
    }
    if (extra !== undefined) chunk.setColumnValues(COLUMNS.length, extra.slice(at, at + count))
    appender.appendDataChunk(chunk)
  }
  appender.closeSync()
}
