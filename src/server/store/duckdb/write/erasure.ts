/**
 * Deletes the data of a person, a site or an organisation for good, in slices like retention (retention.ts).
 *
 *   a person         monthly totals stay without the name, and a counted loss `erased`; peer events do not
 *   a site           monthly totals stay unchanged, and a counted loss `deletedByOperator`; peer events do not
 *   an organisation  nothing stays
 *
 * The losses must stay, because completeness must not report a range as complete after its sessions were deleted.
 *
 * A session without a reported end, whose totals stay, might be reported again. Its id stays in erased_session, so that
 * it neither comes back nor counts twice (known-ids.ts).
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Subject } from '../../store.js'
import { int, literal, rowsOf } from '../database.js'
import { forgetNamesOf } from '../read/catalog.js'
import { isParty } from '../read/sql-parts.js'
import { MONTH_SQL, USAGE_SUMS } from '../read/summary.js'
import { deleteSomePeerEvents } from './peer-events.js'
import { Pseudonyms } from './pseudonyms.js'
import { type BetweenGroups, KEPT_BY, SLICE_ROWS, SUMMED_COLUMNS } from './retention.js'
import { rolledUpTo, unrollSql } from './rollup.js'
import { insertSums, USAGE_COLUMNS } from './sums.js'

const HOUR_US = 3600e6
/** Added to the end of a loss, because losses are shown in milliseconds and must include the last start. */
const LAST_US = 1000

/** All tables with rows of an organisation, except those of sessions. */
const TABLES = [
  ...[
    'usage_month',
    'rollup_hour',
    'meter',
    'meter_history',
    'meter_life',
    'meter_run',
    'meter_place',
    'batch_crc',
  ],
  ...['batch_gap', 'catalog', 'catalog_client', 'catalog_user', 'catalog_resource', 'catalog_site'],
  ...['catalog_past', 'deleted_before', 'erased_session', 'expired_open', 'peer_event'],
]

/** The sessions to delete, and the data about them that stays. */
interface Going {
  readonly where: string
  /** The keys of the monthly totals. Null: totals do not stay. */
  readonly totalsBy: string | null
  /** Whether totals include open sessions. Set it only if nobody reports these again. */
  readonly totalsOfOpen: boolean
  /** The reason of the counted loss. Null: there is no loss. */
  readonly reason: 'erased' | 'deletedByOperator' | null
}

/**
 * Keys of totals without the subject's ids. If another person opened the session, the totals keep that person's ids.
 */
function byOthers(subject: Subject): string {
  const unless = (column: string) =>
    `CASE WHEN t.${isOf(subject)} THEN NULL ELSE t.${column} END AS ${column}`
  return `t.org_id, ${MONTH_SQL} AS month, t.site_id, ${unless('client_id')}, ${unless('user_id')}, t.site_resource_id`
}

export class Erasure {
  readonly #connection: DuckDBConnection
  readonly #between: BetweenGroups

  /** @param between runs work while no batch is committed, because both may delete the same session */
  constructor(connection: DuckDBConnection, between: BetweenGroups) {
    this.#connection = connection
    this.#between = between
  }

  /** @returns the number of deleted sessions */
  async erase(orgId: string, subject: Subject): Promise<number> {
    const where = isParty(subject)
    const going = {
      where,
      totalsBy: byOthers(subject),
      totalsOfOpen: false,
      reason: 'erased',
    } as const
    const erased = await this.#delete(orgId, going)
    await this.#deletePeerEvents(orgId, isOf(subject))
    await this.#between(() => this.#atomic(() => this.#forget(orgId, subject)))
    return erased
  }

  /** Replaces the person by pseudonyms and deletes nothing. @returns the number of changed sessions */
  async pseudonymise(
    orgId: string,
    subject: Subject,
    addresses: readonly string[],
  ): Promise<number> {
    const where = { own: isOf(subject), other: `other_${isOf(subject)}` }
    const person = { where, addresses }
    const pseudonyms = new Pseudonyms(this.#connection, orgId, person)
    let replaced = 0
    for (const table of ['session', 'session_open'] as const) {
      for (const end of ['own', 'other'] as const) {
        for (;;) {
          const slice = await this.#between(() =>
            this.#atomic(() => pseudonyms.replaceSlice(table, end)),
          )
          replaced += slice
          if (slice < SLICE_ROWS) break
        }
      }
    }
    await this.#between(() =>
      this.#atomic(async () => {
        await pseudonyms.replaceTotals()
        await pseudonyms.replacePeerEvents()
        await this.#forget(orgId, subject)
      }),
    )
    return replaced
  }

  /** Like erase(), for a site. The reports of its meters stay. */
  async removeSessions(orgId: string, siteId: number): Promise<number> {
    await this.#deletePeerEvents(orgId, `site_id = ${int(siteId)}`)
    return this.#delete(orgId, {
      where: `site_id = ${int(siteId)}`,
      totalsBy: KEPT_BY,
      totalsOfOpen: true,
      reason: 'deletedByOperator',
    })
  }

  /** Like erase(), for all data of an organisation. The caller must then reload cached meters. */
  async removeOrg(orgId: string): Promise<number> {
    const going = { where: 'true', totalsBy: null, totalsOfOpen: false, reason: null }
    const removed = await this.#delete(orgId, going)
    await this.#between(() =>
      this.#atomic(async () => {
        for (const table of TABLES)
          await this.#connection.run(`DELETE FROM ${table} WHERE org_id = $1`, [orgId])
      }),
    )
    return removed
  }

  async #deletePeerEvents(orgId: string, where: string): Promise<void> {
    while (!(await this.#between(() => deleteSomePeerEvents(this.#connection, orgId, where))));
  }

  async #delete(orgId: string, going: Going): Promise<number> {
    let deleted = 0
    for (const table of ['session', 'session_open']) {
      for (;;) {
        const slice = await this.#between(() => this.#slice(table, orgId, going))
        deleted += slice
        // Do not wait for an empty slice, because a meter may report an open session again at any time.
        if (slice < SLICE_ROWS) break
      }
    }
    return deleted
  }

  #slice(table: string, orgId: string, going: Going): Promise<number> {
    const { where, totalsBy, totalsOfOpen, reason } = going
    const c = this.#connection
    const isEnded = table === 'session'
    return this.#atomic(async () => {
      await c.run(
        `CREATE OR REPLACE TEMP TABLE erasing AS
         SELECT rowid AS id, meter_id, run, seq, start_us + duration_us AS end_us, ${SUMMED_COLUMNS}${isEnded ? ', arrival' : ''} FROM ${table}
         WHERE org_id = $1 AND ${where} LIMIT ${SLICE_ROWS}`,
        [orgId],
      )
      const rows = await rowsOf(c, 'SELECT count(*)::DOUBLE AS n FROM erasing')
      const count = rows[0]!.n as number
      if (count === 0) return 0
      // A meter reports an open session again with all its counts, so its totals must not be kept here too.
      if (totalsBy !== null && (isEnded || totalsOfOpen)) {
        const totals = `SELECT ${totalsBy}, ${USAGE_SUMS} FROM erasing t GROUP BY ALL`
        await c.run(insertSums('usage_month', USAGE_COLUMNS, totals))
        await c.run(ERASED_IDS)
      }
      if (isEnded) await c.run(unrollSql('erasing', await rolledUpTo(c)))
      if (reason !== null) await c.run(lossesSql(reason))
      await c.run(`DELETE FROM ${table} t WHERE t.rowid IN (SELECT id FROM erasing)`)
      return count
    })
  }

  /** Removes the person's ids from earlier totals, and former names from the catalog. */
  async #forget(orgId: string, subject: Subject): Promise<void> {
    const c = this.#connection
    for (const table of ['usage_month', 'expired_open'])
      await c.run(
        `UPDATE ${table} SET client_id = NULL, user_id = NULL WHERE org_id = $1 AND ${isOf(subject)}`,
        [orgId],
      )
    const entry =
      'userId' in subject
        ? ({ kind: 'user', id: subject.userId } as const)
        : ({ kind: 'client', id: subject.clientId } as const)
    await forgetNamesOf(c, orgId, entry)
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

export function isOf(subject: Subject): string {
  return 'userId' in subject
    ? `user_id = ${literal(subject.userId)}`
    : `client_id = ${int(subject.clientId)}`
}

const ERASED_IDS = `INSERT INTO erased_session
  SELECT org_id, site_id, meter_id, run, seq, epoch_us(now()) FROM erasing WHERE end_reason = 'activeTimeout'`

/**
 * One loss for each series of adjoining hours, because hours without a deleted session must not count as incomplete.
 */
function lossesSql(reason: 'erased' | 'deletedByOperator'): string {
  return `
INSERT INTO batch_gap BY NAME
SELECT org_id, site_id, meter_id, NULL AS from_batch, NULL AS to_batch, '${reason}' AS reason, count(*) AS sessions,
  min(start_us) AS from_us, max(greatest(start_us + ${LAST_US}, end_us)) AS to_us, '' AS spool_id, NULL AS detail
FROM (SELECT *, hour - dense_rank() OVER (PARTITION BY site_id, meter_id ORDER BY hour) AS island
      FROM (SELECT *, start_us // ${HOUR_US} AS hour FROM erasing))
GROUP BY org_id, site_id, meter_id, island`
}
