/**
 * Catalogs in PostgreSQL.
 *
 *   catalog       the last one as a whole
 *   catalog_name  the last name of each entry; one that was removed has deleted_us
 *   catalog_past  former names, with their ends
 *
 * A change takes its organisation's lock, so of two with the same If-Match one wins.
 */
import { usToIso } from '../../../base/instant.js'
import { type Catalog, EMPTY_CATALOG } from '../../../session/catalog.js'
import { etagOf, type NamesOfKind, namesIn, PAST_NAMES_MAX } from '../catalog-names.js'
import type { CatalogEntry, Catalogs, CatalogVersion, EntryName } from '../catalogs.js'
import type { Rows } from '../sql/rows.js'
import { int } from '../sql/sql.js'
import type { Postgres } from './database.js'

export class PostgresCatalogs implements Catalogs {
  readonly #postgres: Postgres
  readonly #clockUs: () => number

  constructor(postgres: Postgres, clockUs: () => number) {
    this.#postgres = postgres
    this.#clockUs = clockUs
  }

  catalog(orgId: string): Promise<CatalogVersion> {
    return readCatalog(this.#postgres.query, orgId)
  }

  async namesOf(orgId: string, { kind, id }: CatalogEntry): Promise<readonly EntryName[]> {
    const rows = await this.#postgres.query(
      `SELECT name, email, until_us FROM catalog_past WHERE org_id = $1 AND kind = $2 AND id = $3
       UNION ALL SELECT name, email, NULL FROM catalog_name WHERE org_id = $1 AND kind = $2 AND id = $3
       ORDER BY until_us NULLS LAST`,
      [orgId, kind, String(id)],
    )
    return rows.map((row) => ({
      name: row.name as string,
      email: row.email as string | null,
      untilUs: row.until_us as number | null,
    }))
  }

  putCatalog(
    orgId: string,
    catalog: Catalog,
    ifMatch?: readonly string[],
  ): Promise<CatalogVersion | null> {
    const nowUs = this.#clockUs()
    const etag = etagOf(catalog)
    return this.#postgres.transaction(async (query) => {
      await query('SELECT pg_advisory_xact_lock(hashtextextended($1, 1))', [orgId])
      const current = await readCatalog(query, orgId)
      if (ifMatch !== undefined && !ifMatch.includes(current.etag)) return null
      await query(
        `INSERT INTO catalog VALUES ($1, $2, ${int(nowUs)}, $3) ON CONFLICT (org_id) DO UPDATE
         SET etag = excluded.etag, updated_us = excluded.updated_us, body = excluded.body`,
        [orgId, etag, JSON.stringify(catalog)],
      )
      for (const names of namesIn(catalog)) await writeNames(query, orgId, names, nowUs)
      await namesChanged(query, orgId)
      return { catalog, etag, updatedAt: usToIso(nowUs) }
    })
  }

  /** Deletes the former names of an entry, and its name if it was removed. */
  forgetNamesOf(orgId: string, { kind, id }: CatalogEntry): Promise<void> {
    const its = 'org_id = $1 AND kind = $2 AND id = $3'
    const values = [orgId, kind, String(id)]
    return this.#postgres.transaction(async (query) => {
      await query(`DELETE FROM catalog_past WHERE ${its}`, values)
      await query(`DELETE FROM catalog_name WHERE ${its} AND deleted_us IS NOT NULL`, values)
      await namesChanged(query, orgId)
    })
  }

  /** Deletes names that ended before this time, which sessions that began later do not need. */
  forgetNamesBefore(orgId: string, beforeUs: number): Promise<void> {
    const before = int(beforeUs)
    return this.#postgres.transaction(async (query) => {
      await query(`DELETE FROM catalog_past WHERE org_id = $1 AND until_us < ${before}`, [orgId])
      const gone = await query(
        `DELETE FROM catalog_name WHERE org_id = $1 AND deleted_us < ${before} RETURNING 1`,
        [orgId],
      )
      if (gone.length > 0) await namesChanged(query, orgId)
    })
  }
}

/** Servers that have the names in memory read them again (postgres-meta.ts). */
async function namesChanged(query: Rows, orgId: string): Promise<void> {
  await query(
    `INSERT INTO names_version VALUES ($1, nextval('names_next')) ON CONFLICT (org_id) DO UPDATE SET version = excluded.version`,
    [orgId],
  )
}

async function readCatalog(query: Rows, orgId: string): Promise<CatalogVersion> {
  const [row] = await query('SELECT etag, updated_us, body FROM catalog WHERE org_id = $1', [orgId])
  return {
    catalog: row === undefined ? EMPTY_CATALOG : (JSON.parse(row.body as string) as Catalog),
    etag: row === undefined ? etagOf(EMPTY_CATALOG) : (row.etag as string),
    updatedAt: new Date(((row?.updated_us as number | undefined) ?? 0) / 1e3).toISOString(),
  }
}

/** Writes all names of a kind at once, as one JSON text. */
async function writeNames(
  query: Rows,
  orgId: string,
  { kind, rows }: NamesOfKind,
  nowUs: number,
): Promise<void> {
  const unique = [...new Map(rows.map((row) => [row.id, row])).values()]
  const incoming = 'json_to_recordset($2::JSON) AS i (id TEXT, name TEXT, email TEXT)'
  const mine = `t.org_id = $1 AND t.kind = '${kind}'`
  const values = [orgId, JSON.stringify(unique)]
  await query(
    `INSERT INTO catalog_past SELECT t.org_id, t.kind, t.id, t.name, t.email, coalesce(t.deleted_us, ${int(nowUs)})
     FROM catalog_name t JOIN ${incoming} ON i.id = t.id
     WHERE ${mine} AND (t.name <> i.name OR t.email IS DISTINCT FROM i.email)`,
    values,
  )
  await query(
    `DELETE FROM catalog_past WHERE ctid IN (SELECT ctid FROM (
       SELECT ctid, row_number() OVER (PARTITION BY id ORDER BY until_us DESC) AS nth FROM catalog_past t WHERE ${mine}) p
       WHERE nth > ${PAST_NAMES_MAX})`,
    [orgId],
  )
  await query(
    `UPDATE catalog_name t SET deleted_us = ${int(nowUs)}
     WHERE ${mine} AND deleted_us IS NULL AND NOT EXISTS (SELECT 1 FROM ${incoming} WHERE i.id = t.id)`,
    values,
  )
  await query(
    `INSERT INTO catalog_name SELECT $1, '${kind}', id, name, email, NULL FROM ${incoming}
     ON CONFLICT (org_id, kind, id) DO UPDATE SET name = excluded.name, email = excluded.email, deleted_us = NULL`,
    values,
  )
}
