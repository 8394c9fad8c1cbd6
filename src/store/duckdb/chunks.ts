/** Sessions into DuckDB data chunks, a column at a time; and result chunks back into plain columns. */
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
import { COLUMNS } from './columns.js'

/** DuckDB's vector size. */
const CHUNK_ROWS = 2048

const TYPES: readonly DuckDBType[] = COLUMNS.map((c) => {
  if (c.kind === 'integer') return DOUBLE
  if (c.kind === 'enum') return ENUM(c.words!)
  return c.kind === 'boolean' ? BOOLEAN : VARCHAR
})

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
  const appender = await connection.createAppender(table)
  const types = extra === undefined ? TYPES : [...TYPES, DOUBLE]
  for (let at = 0; at < sessions.length; at += CHUNK_ROWS) {
    const count = Math.min(CHUNK_ROWS, sessions.length - at)
    const chunk = DuckDBDataChunk.create(types, count)
    for (let c = 0; c < COLUMNS.length; c++) {
      const vector = chunk.getColumnVector(c) as unknown as {
        setItem(i: number, v: unknown): void
        flush(): void
      }
      const { get } = COLUMNS[c]!
      for (let i = 0; i < count; i++) vector.setItem(i, get(sessions[at + i]!))
      vector.flush()
    }
    if (extra !== undefined) chunk.setColumnValues(COLUMNS.length, extra.slice(at, at + count))
    appender.appendDataChunk(chunk)
  }
  appender.closeSync()
}
