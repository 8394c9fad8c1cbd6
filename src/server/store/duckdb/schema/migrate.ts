/** Brings a database file to this version's schema, one step after the other, each in a transaction of its own. */
import type { DuckDBConnection } from '@duckdb/node-api'
import { AppError } from '../../../../base/errors.js'
import type { Progress } from '../../config.js'
import { MIGRATIONS, SCHEMA_VERSION } from './schema.js'

/**
 * @param path for messages
 * @throws AppError STORE_NEWER
 */
export async function migrate(
  connection: DuckDBConnection,
  path: string,
  progress: Progress,
): Promise<void> {
  await connection.run('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)')
  const rows = (
    await connection.runAndReadAll('SELECT max(version) AS v FROM schema_version')
  ).getRows()
  const version = Number(rows[0]?.[0] ?? 0)
  if (version > SCHEMA_VERSION) {
    throw new AppError(
      'STORE_NEWER',
      `${path} was written by a newer tunmeter: its schema is version ${version}, this one knows up to ${SCHEMA_VERSION}`,
      { hint: 'Install that version or a later one, or use another --data directory.' },
    )
  }
  for (let next = version; next < SCHEMA_VERSION; next++) {
    // A new file migrates at once, so nothing is reported.
    await migrateStep(connection, next, version === 0 ? () => undefined : progress)
  }
  // A checkpoint frees the space of the old tables at once.
  if (version > 0 && version < SCHEMA_VERSION) await connection.run('CHECKPOINT')
}

async function migrateStep(
  connection: DuckDBConnection,
  from: number,
  progress: Progress,
): Promise<void> {
  const versions = { fromVersion: from, toVersion: from + 1 }
  progress('rewriting the store for this version; the server listens afterwards', versions)
  const begin = performance.now()
  await connection.run('BEGIN')
  for (const statement of MIGRATIONS[from]!.split(/;\n/).filter((s) => s.trim() !== '')) {
    const start = performance.now()
    const { rowsChanged } = await connection.run(statement)
    if (rowsChanged === 0) continue
    progress(`rewriting: ${statement.trim().split(/\s+/, 3).join(' ')}`, {
      rows: rowsChanged,
      seconds: secondsSince(start),
    })
  }
  await connection.run(`INSERT INTO schema_version VALUES (${from + 1})`)
  await connection.run('COMMIT')
  progress('the store was rewritten', { ...versions, seconds: secondsSince(begin) })
}

/** Seconds with one decimal. */
export function secondsSince(start: number): number {
  return Math.round((performance.now() - start) / 100) / 10
}
