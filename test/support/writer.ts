/** A Writer with a log, on a database that the test opened. */
import { join } from 'node:path'
import { Log } from '../../src/server/log/log.js'
import type { Database } from '../../src/server/store/duckdb/database.js'
import { Writer, type WriterOptions } from '../../src/server/store/duckdb/write/writer.js'

export function openWriter(
  database: Database,
  directory: string,
  options: Pick<WriterOptions, 'rollRows' | 'walBytes'> & Partial<WriterOptions>,
): Promise<Writer> {
  const { log } = Log.open({ directory: join(directory, 'log'), bytesMax: 2 ** 30, keepMs: 0 })
  const readLogged = () => Promise.reject(new Error('no request was logged'))
  return Writer.open(database, { log, readLogged, clockUs: () => Date.now() * 1e3, ...options })
}
