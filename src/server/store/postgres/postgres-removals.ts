/** Removals in PostgreSQL: the table `removed`; meter '' means the whole site, site 0 the whole organisation. */
import { type Removals, type RemovedMs, removedBy } from '../../control/removals.js'
import type { Rows } from '../sql/rows.js'
import { int } from '../sql/sql.js'
import type { Postgres } from './database.js'

export class PostgresRemovals implements Removals {
  readonly #postgres: Postgres

  constructor(postgres: Postgres) {
    this.#postgres = postgres
  }

  async add(orgId: string, siteId: number, meterId: string | undefined, atMs: number) {
    await mark(this.#postgres.query, orgId, siteId, meterId ?? '', atMs)
  }

  async of(orgId: string): Promise<RemovedMs> {
    const rows = await this.#postgres.query(
      'SELECT site_id, meter_id, at_ms FROM removed WHERE org_id = $1 AND site_id > 0',
      [orgId],
    )
    return removedBy(
      rows.map((row) => ({
        siteId: row.site_id as number,
        meterId: row.meter_id as string,
        atMs: row.at_ms as number,
      })),
    )
  }

  async going(): Promise<string[]> {
    const rows = await this.#postgres.query(
      'SELECT org_id FROM removed WHERE site_id = 0 ORDER BY org_id',
    )
    return rows.map((row) => row.org_id as string)
  }

  /** Marks an organisation whose stored data are to be deleted. In a transaction. */
  async begin(query: Rows, orgId: string, atMs: number): Promise<void> {
    await query('DELETE FROM removed WHERE org_id = $1', [orgId])
    await mark(query, orgId, 0, '', atMs)
  }

  async finish(orgId: string): Promise<void> {
    await this.#postgres.query('DELETE FROM removed WHERE org_id = $1 AND site_id = 0', [orgId])
  }
}

async function mark(query: Rows, orgId: string, siteId: number, meterId: string, atMs: number) {
  await query(
    `INSERT INTO removed VALUES ($1, ${int(siteId)}, $2, ${int(Math.round(atMs))})
     ON CONFLICT (org_id, site_id, meter_id) DO UPDATE SET at_ms = excluded.at_ms`,
    [orgId, meterId],
  )
}
