/** The catalog: the whole as last put, and its names as tables to join. Deleted names stay for old rows. */
import { createHash } from 'node:crypto'
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import { type Catalog, EMPTY_CATALOG } from '../../../../session/catalog.js'
import type { CatalogVersion } from '../../store.js'
import { int, rowsOf } from '../database.js'

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

export function etagOf(catalog: Catalog): string {
  return createHash('sha256').update(JSON.stringify(catalog)).digest('base64url').slice(0, 22)
}

interface NameTable {
  readonly table: string
  /** Rows as JSON: id, name and, for users, email. */
  readonly rows: readonly { id: number | string; name: string; email?: string | null }[]
  readonly idType: 'BIGINT' | 'VARCHAR'
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
    for (const names of nameTables(catalog)) await writeNames(connection, orgId, names, nowUs)
    await connection.run('COMMIT')
    return { catalog, etag: etagOf(catalog), updatedAt: new Date(nowUs / 1e3).toISOString() }
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => undefined)
    throw error
  }
}

function nameTables(catalog: Catalog): NameTable[] {
  return [
    {
      table: 'catalog_client',
      idType: 'BIGINT',
      rows: catalog.clients.map((c) => ({ id: c.clientId, name: c.name })),
    },
    {
      table: 'catalog_user',
      idType: 'VARCHAR',
      rows: catalog.users.map((u) => ({ id: u.userId, name: u.name, email: u.email ?? null })),
    },
    {
      table: 'catalog_resource',
      idType: 'BIGINT',
      rows: catalog.resources.map((r) => ({ id: r.siteResourceId, name: r.name })),
    },
    {
      table: 'catalog_site',
      idType: 'BIGINT',
      rows: catalog.sites.map((s) => ({ id: s.siteId, name: s.name })),
    },
  ]
}

/** All rows at once, as one JSON text that DuckDB takes apart. */
async function writeNames(
  connection: DuckDBConnection,
  orgId: string,
  { table, rows, idType }: NameTable,
  nowUs: number,
): Promise<void> {
  const unique = [...new Map(rows.map((r) => [r.id, r])).values()]
  const values: DuckDBValue[] = [orgId, JSON.stringify(unique)]
  const user = table === 'catalog_user'
  const incoming = `(SELECT unnest(from_json($2, '[{"id": "${idType}", "name": "VARCHAR", "email": "VARCHAR"}]'), recursive := true))`
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
