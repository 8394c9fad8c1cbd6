/** Makes a consistent copy of the database, while reads and writes go on. */
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { AppError } from '../../../../base/errors.js'
import { type Database, literal } from '../database.js'
import { explained } from '../errors.js'

/** The log of a copy: none, but the time of the copy, by which a server that starts on it knows that it was restored. */
export const COPY_LOG = 'copy '

/** A failed copy is removed. @param madeAt an ISO time. @throws AppError EXISTS */
export async function copyDatabase(
  database: Database,
  file: string,
  madeAt: string,
): Promise<void> {
  if (existsSync(file)) throw new AppError('EXISTS', `${file} exists`)
  const connection = await database.lend()
  try {
    const name = (await connection.runAndReadAll('SELECT current_database()')).getRows()[0]![0]
    await connection.run(`ATTACH ${literal(file)} AS backup_copy`)
    await connection.run(
      `COPY FROM DATABASE "${String(name).replaceAll('"', '""')}" TO backup_copy`,
    )
    await connection.run(
      `UPDATE backup_copy.log_position SET log_id = ${literal(`${COPY_LOG}${madeAt}`)}, lsn = 0`,
    )
    // DETACH checkpoints the copy, or fails, so no .wal is left beside it.
    await connection.run('DETACH backup_copy')
  } catch (error) {
    // All connections see the attached copy, so the next backup could not attach under the same name.
    await connection.run('DETACH DATABASE IF EXISTS backup_copy').catch(() => undefined)
    for (const part of [file, `${file}.wal`]) await rm(part, { force: true })
    throw explained(error)
  } finally {
    database.release(connection)
  }
}
