/**
 * Erasing what is stored of one person, in slices, as retention deletes (retention.ts). Monthly totals stay, under nobody's
 * name; of the sessions a counted loss stays, `erased`, so that no range claims to be complete without them.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Subject } from '../../store.js'
import { int, literal, rowsOf } from '../database.js'
import { MONTH_SQL, USAGE_SUMS } from '../read/summary.js'
import { SLICE_ROWS, SUMMED_COLUMNS, USAGE_COLUMNS } from './retention.js'
import { rolledUpTo, unrollSql } from './rollup.js'
import { insertSums } from './sums.js'

const HOUR_US = 3600e6
/** A loss is told with milliseconds: it holds the start of its last session. */
const LAST_US = 1000

type BetweenGroups = <T>(work: () => Promise<T>) => Promise<T>

export class Erasure {
  readonly #connection: DuckDBConnection
  readonly #between: BetweenGroups

  /** @param between runs work while no batch is committed: both may delete the same session */
  constructor(connection: DuckDBConnection, between: BetweenGroups) {
    this.#connection = connection
    this.#between = between
  }

  /** @returns how many sessions */
  async erase(orgId: string, subject: Subject): Promise<number> {
    let erased = 0
    for (const table of ['session', 'session_open']) {
      for (;;) {
        const slice = await this.#between(() => this.#slice(table, orgId, subject))
        erased += slice
        // Not until none is found: a meter may report an open session again at any time.
        if (slice < SLICE_ROWS) break
      }
    }
    await this.#between(() => this.#atomic(() => this.#forget(orgId, subject)))
    return erased
  }

  #slice(table: string, orgId: string, subject: Subject): Promise<number> {
    const c = this.#connection
    const arrival = table === 'session' ? ', arrival' : ''
    return this.#atomic(async () => {
      await c.run(
        `CREATE OR REPLACE TEMP TABLE erasing AS
         SELECT rowid AS id, meter_id, ${SUMMED_COLUMNS}${arrival} FROM ${table}
         WHERE org_id = $1 AND ${isOf(subject)} LIMIT ${SLICE_ROWS}`,
        [orgId],
      )
      const rows = await rowsOf(c, 'SELECT count(*)::DOUBLE AS n FROM erasing')
      const count = rows[0]!.n as number
      if (count === 0) return 0
      // An open session is reported again, whole: its sums come back then, and must not be there twice.
      if (table === 'session') {
        await c.run(
          insertSums(
            'usage_month',
            USAGE_COLUMNS,
            `SELECT t.org_id, ${MONTH_SQL} AS month, t.site_id, NULL AS client_id, NULL AS user_id,
             t.site_resource_id, ${USAGE_SUMS} FROM erasing t GROUP BY ALL`,
          ),
        )
        await c.run(unrollSql('erasing', await rolledUpTo(c)))
      }
      await c.run(LOSSES)
      await c.run(`DELETE FROM ${table} t WHERE t.rowid IN (SELECT id FROM erasing)`)
      return count
    })
  }

  /** What was summed up before under the person's id, and a name that the catalog had. */
  async #forget(orgId: string, subject: Subject): Promise<void> {
    const c = this.#connection
    await c.run(
      `UPDATE usage_month SET client_id = NULL, user_id = NULL WHERE org_id = $1 AND ${isOf(subject)}`,
      [orgId],
    )
    const [table, id] =
      'userId' in subject
        ? ['catalog_user', literal(subject.userId)]
        : ['catalog_client', int(subject.clientId)]
    await c.run(
      `DELETE FROM ${table} WHERE org_id = $1 AND id = ${id} AND deleted_us IS NOT NULL`,
      [orgId],
    )
  }

  async #atomic<T>(work: () => Promise<T>): Promise<T> {
    const c = this.#connection
    await c.run('BEGIN')
    try {
      const result = await work()
      await c.run('COMMIT')
      return result
    } catch (error) {
      await c.run('ROLLBACK').catch(() => undefined)
      throw error
    }
  }
}

function isOf(subject: Subject): string {
  return 'userId' in subject
    ? `user_id = ${literal(subject.userId)}`
    : `client_id = ${int(subject.clientId)}`
}

/** One for hours that follow one another, so that the time between two of them is not said to lack anything. */
const LOSSES = `
INSERT INTO batch_gap BY NAME
SELECT org_id, site_id, meter_id, NULL AS from_batch, NULL AS to_batch, 'erased' AS reason, count(*) AS sessions,
  min(start_us) AS from_us, max(start_us) + ${LAST_US} AS to_us, '' AS spool_id, NULL AS detail
FROM (SELECT *, hour - dense_rank() OVER (PARTITION BY site_id, meter_id ORDER BY hour) AS island
      FROM (SELECT *, start_us // ${HOUR_US} AS hour FROM erasing))
GROUP BY org_id, site_id, meter_id, island`
