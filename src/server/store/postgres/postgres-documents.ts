/** Documents in PostgreSQL: the table `document`, with the documents as JSON. */
import { wasRemoved } from '../../control/control.js'
import type {
  DocumentBounds,
  DocumentKind,
  DocumentPlace,
  Documents,
} from '../../control/documents.js'
import type { Row, Rows } from '../sql/rows.js'
import type { Postgres } from './database.js'

export class PostgresDocuments implements Documents {
  readonly #postgres: Postgres

  constructor(postgres: Postgres) {
    this.#postgres = postgres
  }

  async of<T>(kind: DocumentKind, orgId: string, owner: string): Promise<T[]> {
    const rows = await this.#postgres.query(
      'SELECT value FROM document WHERE kind = $1 AND org_id = $2 AND owner = $3 ORDER BY id',
      [kind, orgId, owner],
    )
    return rows.map((row) => documentOf(row) as T)
  }

  async all<T>(kind: DocumentKind): Promise<T[]> {
    const sql = 'SELECT value FROM document WHERE kind = $1 ORDER BY org_id, owner, id'
    return (await this.#postgres.query(sql, [kind])).map((row) => documentOf(row) as T)
  }

  put(
    { kind, orgId, owner, id }: DocumentPlace,
    value: unknown,
    { ofOwner, ofOrg }: DocumentBounds,
  ): Promise<boolean> {
    return this.#postgres.transaction(async (query) => {
      // Keeps the organisation until the end, and lets its writers count one after another.
      const orgs = await query('SELECT 1 FROM org WHERE org_id = $1 FOR UPDATE', [orgId])
      if (orgs.length === 0) throw wasRemoved(orgId)
      const place = [kind, orgId, owner, id]
      const found = await query(
        'SELECT 1 FROM document WHERE kind = $1 AND org_id = $2 AND owner = $3 AND id = $4',
        place,
      )
      if (found.length === 0) {
        const [counts] = await query(
          `SELECT count(*) AS org, count(*) FILTER (WHERE owner = $3) AS own
           FROM document WHERE kind = $1 AND org_id = $2`,
          [kind, orgId, owner],
        )
        if ((counts!.own as number) >= ofOwner || (counts!.org as number) >= ofOrg) return false
      }
      await query(
        `INSERT INTO document VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (kind, org_id, owner, id) DO UPDATE SET value = excluded.value`,
        [...place, JSON.stringify(value)],
      )
      return true
    })
  }

  async remove({ kind, orgId, owner, id }: DocumentPlace): Promise<boolean> {
    const rows = await this.#postgres.query(
      `DELETE FROM document WHERE kind = $1 AND org_id = $2 AND owner = $3 AND id = $4 RETURNING 1`,
      [kind, orgId, owner, id],
    )
    return rows.length > 0
  }

  /** Call it in a transaction. A root key may own documents of every organisation. */
  async forgetOwner(query: Rows, keyId: string): Promise<void> {
    await query('DELETE FROM document WHERE owner = $1', [keyId])
  }

  /** Call it in a transaction. */
  async forgetOrg(query: Rows, orgId: string): Promise<void> {
    await query('DELETE FROM document WHERE org_id = $1', [orgId])
  }
}

function documentOf({ value }: Row): unknown {
  return JSON.parse(value as string)
}
