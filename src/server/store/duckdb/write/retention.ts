/**
 * Deletes sessions beyond their retention, in slices, on a connection of its own.
 *
 * Each slice is one transaction: it adds its totals to usage_month, subtracts them from rollup_hour, and deletes. So
 * usage and summaries are exact at every moment. The writer is not blocked, because it appends to the same table under
 * MVCC. A slice is short, because checkpoints wait for its end. Later rows reuse the space, so the file does not grow.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { deletedBefore } from '../../deleted-before.js'
import type { Mutex } from '../../mutex.js'
import { int, rowsOf } from '../database.js'
import { forgetNamesBefore } from '../read/catalog.js'
import { MONTH_SQL, USAGE_SUMS } from '../read/summary.js'
import { noteExpiredSql } from './expired-open.js'
import { deleteSomePeerEvents } from './peer-events.js'
import { compactRollup, rolledUpTo, unrollSql } from './rollup.js'
import { insertSums, USAGE_COLUMNS } from './sums.js'

/** A slice uses a core for about 50 ms, which bounds the wait of a batch that arrives meanwhile. */
export const SLICE_ROWS = 10_000
/** The columns of all sums (summary.ts, rollup.ts). Reading every column would take most of a slice's time. */
export const SUMMED_COLUMNS = `org_id, start_us, site_id, client_id, user_id, site_resource_id, protocol, dest_ip, dest_port,
  conn_state, end_reason, connection_count, bytes_tx, bytes_rx, packets_tx, packets_rx`

/** rollup_hour is compacted when it has grown to this multiple of its compacted size. */
const ROLLUP_GROWTH = 1.5
/** The least compacted size to compare with, so that small tables are not compacted often. */
const ROLLUP_ROWS_MIN = 20_000

const USAGE_KEYS = USAGE_COLUMNS.keys.join(', ')
/** Totals keep client, user, resource and site. */
export const KEPT_BY = `t.org_id, ${MONTH_SQL} AS month, t.site_id, t.client_id, t.user_id, t.site_resource_id`

/** Runs work while no batch is committed. */
export type BetweenGroups = <T>(work: () => Promise<T>) => Promise<T>

type Table = 'session' | 'session_open'
/** Further columns that the sums of a table's deleted sessions need. */
const OWN_COLUMNS = { session: 'arrival', session_open: 'run, seq' }

export interface RetentionParts {
  readonly mutex: Mutex
  /** Runs work while no batch is committed, and then forgets the ids of deleted sessions. */
  readonly between: BetweenGroups
  /** Frees space on a nearly full disk. */
  readonly makeRoom: () => Promise<void>
}

interface Cut {
  readonly orgId: string
  readonly beforeUs: number
}

/** SQL with the organisation as $1. */
function isExpired({ beforeUs }: Cut): string {
  const before = int(beforeUs)
  return `org_id = $1 AND start_us < ${before} AND start_us + duration_us < ${before}`
}

export class Retention {
  readonly #connection: DuckDBConnection
  readonly #mutex: Mutex
  readonly #between: BetweenGroups
  readonly #makeRoom: () => Promise<void>
  #compactedRows = ROLLUP_ROWS_MIN

  constructor(connection: DuckDBConnection, { mutex, between, makeRoom }: RetentionParts) {
    this.#connection = connection
    this.#mutex = mutex
    this.#between = between
    this.#makeRoom = makeRoom
  }

  /** Deletes as many sessions as are expired at its start: a meter that sends more meanwhile must not keep it running. */
  async expire(orgId: string, beforeUs: number): Promise<number> {
    const cut = { orgId, beforeUs }
    const ended = await this.#expireFrom('session', cut, (work) => this.#mutex.run(work))
    // A batch may report an open session again, so none is committed meanwhile.
    const open = await this.#expireFrom('session_open', cut, this.#between)
    const isOld = `at_us < ${int(beforeUs)}`
    while (!(await this.#mutex.run(() => deleteSomePeerEvents(this.#connection, orgId, isOld))));
    await this.#mutex.run(() => forgetNamesBefore(this.#connection, orgId, beforeUs))
    return ended + open
  }

  async #expireFrom(table: Table, cut: Cut, apart: BetweenGroups): Promise<number> {
    const due = await this.#countExpired(table, cut)
    let deleted = 0
    try {
      while (deleted < due) {
        await this.#makeRoom()
        const rows = Math.min(SLICE_ROWS, due - deleted)
        const slice = await apart(() => this.#slice(table, cut, rows))
        deleted += slice
        if (slice === 0) break
      }
      return deleted
    } finally {
      if (deleted > 0 && apart !== this.#between) await this.#between(() => Promise.resolve())
    }
  }

  async #countExpired(table: Table, cut: Cut): Promise<number> {
    const sql = `SELECT count(*)::DOUBLE AS n FROM ${table} WHERE ${isExpired(cut)}`
    return this.#mutex.run(
      async () => (await rowsOf(this.#connection, sql, [cut.orgId]))[0]!.n as number,
    )
  }

  async #slice(table: Table, cut: Cut, rowsMax: number): Promise<number> {
    const { orgId, beforeUs } = cut
    const c = this.#connection
    await c.run('BEGIN')
    try {
      await c.run(
        `CREATE OR REPLACE TEMP TABLE expiring AS SELECT rowid AS id, start_us + duration_us AS end_us, ${SUMMED_COLUMNS}, ${OWN_COLUMNS[table]} FROM ${table}
         WHERE ${isExpired(cut)} LIMIT ${rowsMax}`,
        [orgId],
      )
      const span = (
        await rowsOf(
          c,
          'SELECT count(*)::DOUBLE AS n, min(id)::VARCHAR AS a, max(id)::VARCHAR AS b, max(end_us)::DOUBLE AS ended FROM expiring',
        )
      )[0]!
      const count = span.n as number
      if (count > 0) {
        const sums = `SELECT ${KEPT_BY}, ${USAGE_SUMS} FROM expiring t GROUP BY ALL`
        await c.run(insertSums('usage_month', USAGE_COLUMNS, sums))
        if (table === 'session') await c.run(unrollSql('expiring', await rolledUpTo(c)))
        else
          await c.run(
            noteExpiredSql(
              `SELECT ${KEPT_BY}, run, seq, ${USAGE_SUMS} FROM expiring t GROUP BY ALL`,
            ),
          )
        await markDeleted(c, orgId, deletedBefore(beforeUs, span.ended as number))
        await c.run(`DELETE FROM ${table} t WHERE t.rowid >= ${span.a as string}
          AND t.rowid <= ${span.b as string} AND t.rowid IN (SELECT id FROM expiring)`)
      }
      await c.run('COMMIT')
      return count
    } catch (error) {
      await c.run('ROLLBACK').catch(() => undefined)
      throw error
    }
  }

  /** Adds up the rows of many slices, so there is one for each month and combination. */
  compactUsage(): Promise<void> {
    return this.#mutex.run(() => this.#compactUsage())
  }

  async #compactUsage(): Promise<void> {
    const c = this.#connection
    const sums = USAGE_COLUMNS.sums.map((name) => `sum(${name}) AS ${name}`).join(', ')
    await c.run('BEGIN')
    try {
      await c.run(`CREATE OR REPLACE TEMP TABLE usage_sum AS
        SELECT ${USAGE_KEYS}, ${sums} FROM usage_month GROUP BY ${USAGE_KEYS} HAVING sum(sessions) <> 0`)
      await c.run('DELETE FROM usage_month')
      await c.run(insertSums('usage_month', USAGE_COLUMNS, 'SELECT * FROM usage_sum'))
      await c.run('COMMIT')
    } catch (error) {
      await c.run('ROLLBACK').catch(() => undefined)
      throw error
    }
  }

  /** Compacts rollup_hour only after it has grown, because compacting rewrites all of it. */
  async compactRollup(): Promise<void> {
    const rows = await this.#rollupRows()
    if (rows >= ROLLUP_GROWTH * this.#compactedRows) await this.compactRollupNow()
  }

  async compactRollupNow(): Promise<void> {
    await this.#mutex.run(() => compactRollup(this.#connection))
    this.#compactedRows = Math.max(ROLLUP_ROWS_MIN, await this.#rollupRows())
  }

  async #rollupRows(): Promise<number> {
    const rows = await rowsOf(this.#connection, 'SELECT count(*)::DOUBLE AS n FROM rollup_hour')
    return rows[0]!.n as number
  }

  expireUsage(beforeMonth: string, historyBeforeUs: number, lossBeforeUs: number): Promise<void> {
    const c = this.#connection
    return this.#mutex.run(async () => {
      for (const table of ['usage_month', 'expired_open'])
        await c.run(`DELETE FROM ${table} WHERE month < $1`, [beforeMonth])
      await c.run(`DELETE FROM meter_history WHERE at_us < ${int(historyBeforeUs)}`)
      await c.run(`DELETE FROM erased_session WHERE at_us < ${int(lossBeforeUs)}`)
      // Losses stay as long as retention keeps sessions of their time, which would else count as complete.
      await c.run(`DELETE FROM batch_gap g WHERE from_batch IS NULL AND to_us < ${int(lossBeforeUs)}
        AND EXISTS (SELECT 1 FROM deleted_before d WHERE d.org_id = g.org_id AND d.before_us >= g.to_us)`)
    })
  }
}

/** Notes the cut in the deleting transaction, so completeness names the deletion as soon as sessions are missing. */
async function markDeleted(c: DuckDBConnection, orgId: string, beforeUs: number): Promise<void> {
  const before = int(beforeUs)
  await c.run(
    `INSERT INTO deleted_before SELECT $1, 0 WHERE NOT EXISTS (SELECT 1 FROM deleted_before WHERE org_id = $1)`,
    [orgId],
  )
  await c.run(
    `UPDATE deleted_before SET before_us = ${before} WHERE org_id = $1 AND before_us < ${before}`,
    [orgId],
  )
}
