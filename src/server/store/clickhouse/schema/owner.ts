/** Whether the tables are this version's, and belong to the PostgreSQL database that the server uses. */
import { AppError } from '../../../../base/errors.js'
import { int } from '../../sql/sql.js'
import type { Client } from '../client.js'
import { literal } from '../dialect.js'
import { OWNER_TABLE, SCHEMA_VERSION } from './schema.js'

/** @throws AppError STORE_NEWER, STORE_OTHER */
export async function checkOwner(client: Client, id: string): Promise<void> {
  await client.run(OWNER_TABLE)
  const read = 'SELECT id, version FROM owner ORDER BY version DESC, id'
  let rows = await client.rows('', read)
  if (rows.length === 0) {
    await client.run(`INSERT INTO owner VALUES (${int(SCHEMA_VERSION)}, ${literal(id)})`)
    rows = await client.rows('', read)
  }
  const [, version] = rows[0] as [string, number]
  if (version > SCHEMA_VERSION)
    throw new AppError('STORE_NEWER', `ClickHouse has schema ${version} of a newer tunmeter`, {
      hint: `This one knows ${SCHEMA_VERSION}. Install the newer version, or restore a backup.`,
    })
  if (rows.some(([other]) => other !== id))
    throw new AppError(
      'STORE_OTHER',
      'the sessions in ClickHouse belong to another PostgreSQL database',
      {
        hint: 'Check --store and --control. An empty database of ClickHouse takes the PostgreSQL database that it is first used with.',
      },
    )
}
