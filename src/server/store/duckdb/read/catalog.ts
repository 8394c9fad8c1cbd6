/**
 * The catalog: the last one as a whole, and its names as tables to join.
 *
 * Sessions have ids, and show today's names. catalog_past has the former names of entries with their ends. The name of
 * a removed entry stays in its table, with deleted_us. Both go when retention has deleted all sessions of their time.
 */
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import { usToIso } from '../../../../base/instant.js'
import { type Catalog, EMPTY_CATALOG } from '../../../../session/catalog.js'
import { etagOf, type NamesOfKind, namesIn, PAST_NAMES_MAX } from '../../catalog-names.js'
import type { CatalogEntry, CatalogVersion, EntryName } from '../../store.js'
import { int, rowsOf } from '../database.js'
import { TABLES } from './names.js'

export async function readCatalog(
  connection: DuckDBConnection,
  orgId: string,
): Promise<CatalogVersion> {
  const rows = await rowsOf(
    connection,
    'SELECT etag, updated_us::DOUBLE AS t, body FROM catalog WHERE org_id = $1',
    [orgId],
  )
  const row = rows[0]
  if (row === undefined)
    return {
      catalog: EMPTY_CATALOG,
      etag: etagOf(EMPTY_CATALOG),
      updatedAt: new Date(0).toISOString(),
    }
  return {
    catalog: JSON.parse(row.body as string) as Catalog,
    etag: row.etag as string,
    updatedAt: new Date((row.t as number) / 1e3).toISOString(),
  }
}

export async function namesOf(
  connection: DuckDBConnection,
  orgId: string,
  { kind, id }: CatalogEntry,
): Promise<EntryName[]> {
  const email = kind === 'user' ? 'email' : 'NULL'
  const rows = await rowsOf(
    connection,
    `SELECT name, email, until_us::DOUBLE AS until FROM catalog_past
       WHERE org_id = $1 AND kind = '${kind}' AND id = $2
     UNION ALL
     SELECT name, ${email}, NULL FROM ${TABLES[kind]} WHERE org_id = $1 AND id::VARCHAR = $2
     ORDER BY until NULLS LAST`,
    [orgId, String(id)],
  )
  return rows.map((row) => ({
    name: row.name as string,
    email: row.email as string | null,
    untilUs: row.until as number | null,
  }))
}

/** Deletes the former names of an entry, and its name if it was removed. Call in a transaction. */
export async function forgetNamesOf(
  connection: DuckDBConnection,
  orgId: string,
  { kind, id }: CatalogEntry,
): Promise<void> {
  await connection.run(
    `DELETE FROM catalog_past WHERE org_id = $1 AND kind = '${kind}' AND id = $2`,
    [orgId, String(id)],
  )
  await connection.run(
    `DELETE FROM ${TABLES[kind]} WHERE org_id = $1 AND id::VARCHAR = $2 AND deleted_us IS NOT NULL`,
    [orgId, String(id)],
  )
}

/** Deletes names that ended before this time, which sessions that began later do not need. */
export async function forgetNamesBefore(
  connection: DuckDBConnection,
  orgId: string,
  beforeUs: number,
): Promise<void> {
  const before = int(beforeUs)
  await connection.run(`DELETE FROM catalog_past WHERE org_id = $1 AND until_us < ${before}`, [
    orgId,
  ])
  for (const table of Object.values(TABLES))
    await connection.run(`DELETE FROM ${table} WHERE org_id = $1 AND deleted_us < ${before}`, [
      orgId,
    ])
}

export async function writeCatalog(
  connection: DuckDBConnection,
  orgId: string,
  catalog: Catalog,
  nowUs: number,
  ifMatch?: readonly string[],
): Promise<CatalogVersion | null> {
  await connection.run('BEGIN')
  try {
    const current = await readCatalog(connection, orgId)
    if (ifMatch !== undefined && !ifMatch.includes(current.etag)) {
      await connection.run('ROLLBACK')
      return null
    }
    await connection.run('DELETE FROM catalog WHERE org_id = $1', [orgId])
    await connection.run(`INSERT INTO catalog VALUES ($1, $2, ${int(nowUs)}, $3)`, [
      orgId,
      etagOf(catalog),
      JSON.stringify(catalog),
    ])
    for (const names of namesIn(catalog)) await writeNames(connection, orgId, names, nowUs)
    await connection.run('COMMIT')
    return { catalog, etag: etagOf(catalog), updatedAt: usToIso(nowUs) }
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/** Writes all names of a kind at once, as one JSON text that DuckDB parses. */
async function writeNames(
  connection: DuckDBConnection,
  orgId: string,
  { kind, rows }: NamesOfKind,
  nowUs: number,
): Promise<void> {
  const unique = [...new Map(rows.map((r) => [r.id, r])).values()]
  const values: DuckDBValue[] = [orgId, JSON.stringify(unique)]
  const table = TABLES[kind]
  const user = kind === 'user'
  const idType = user ? 'VARCHAR' : 'BIGINT'
  const incoming = `(SELECT unnest(from_json($2, '[{"id": "${idType}", "name": "VARCHAR", "email": "VARCHAR"}]'), recursive := true))`
  await connection.run(
    `INSERT INTO catalog_past SELECT $1, '${kind}', t.id::VARCHAR, t.name, ${user ? 't.email' : 'NULL'},
       coalesce(t.deleted_us, ${int(nowUs)})
     FROM ${table} t JOIN ${incoming} i ON i.id = t.id
     WHERE t.org_id = $1 AND (t.name <> i.name${user ? ' OR t.email IS DISTINCT FROM i.email' : ''})`,
    values,
  )
  await connection.run(
    `DELETE FROM catalog_past WHERE rowid IN (SELECT rowid FROM catalog_past WHERE org_id = $1 AND kind = '${kind}'
       QUALIFY row_number() OVER (PARTITION BY id ORDER BY until_us DESC) > ${PAST_NAMES_MAX})`,
    [orgId],
  )
  await connection.run(
    `UPDATE ${table} SET deleted_us = ${int(nowUs)}
     WHERE org_id = $1 AND deleted_us IS NULL AND id NOT IN (SELECT id FROM ${incoming})`,
    values,
  )
  await connection.run(
    `DELETE FROM ${table} WHERE org_id = $1 AND id IN (SELECT id FROM ${incoming})`,
    values,
  )
  await connection.run(
    `INSERT INTO ${table} SELECT $1, id, name, ${user ? 'email, ' : ''}NULL FROM ${incoming}`,
    values,
  )
}
