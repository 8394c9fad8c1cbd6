/**
 * What takes sessions out of the store: retention, erasure, removal. Closing interrupted sessions belongs here, because
 * an erasure closes them first.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { AppError } from '../../../../base/errors.js'
import type { Cancel, Subject } from '../../store.js'
import { literal } from '../database.js'
import { isFull } from '../errors.js'
import { isParty } from '../read/sql-parts.js'
import { isInterrupted } from '../read/where.js'
import { Erasure } from './erasure.js'
import { CLOSE_SESSIONS_MAX } from './group-commit.js'
import { Retention } from './retention.js'
import type { Writer } from './writer.js'

const DAY_US = 86400e6

export class Deletions {
  readonly #writer: Writer
  readonly #retention: Retention
  readonly #erasure: Erasure
  readonly #clockUs: () => number

  constructor(connection: DuckDBConnection, writer: Writer, clockUs: () => number) {
    this.#writer = writer
    this.#clockUs = clockUs
    this.#retention = new Retention(connection, {
      mutex: writer.mutex,
      between: (work) => writer.expiringBetweenGroups(work),
      makeRoom: () => writer.checkpointIfTight(),
    })
    this.#erasure = new Erasure(connection, (work) => writer.deletingBetweenGroups(work))
  }

  /**
   * Runs between groups of batches. Each time it closes at most CLOSE_SESSIONS_MAX sessions.
   * @param which SQL that chooses among the interrupted sessions; undefined: all
   */
  async closeInterrupted(which?: string): Promise<number> {
    // Acknowledged batches may show that a session is not interrupted.
    await this.#writer.applied()
    let closed = 0
    for (;;) {
      const some = await this.#writer.closeInterrupted(which)
      closed += some
      if (some < CLOSE_SESSIONS_MAX) return closed
    }
  }

  async expire(orgId: string, beforeUs: number, cancel?: Pick<Cancel, 'late'>): Promise<number> {
    const behind = await this.#writer.applied()
    if (behind !== null) cancel?.late?.(behind)
    const expire = () => this.#retention.expire(orgId, beforeUs)
    const deleted = await expire().catch(async (error: unknown) => {
      if (!isFull(error)) throw error
      // Deleting needs free space before it can make more.
      await this.#writer.freeLog()
      return expire()
    })
    if (deleted > 0) await this.#retention.compactUsage()
    await this.#retention.compactRollup()
    if (deleted > 0) await this.#writer.checkpointIfTight(true)
    return deleted
  }

  async erase(orgId: string, subject: Subject): Promise<number> {
    await this.#emptyLog()
    // An erased open session leaves no totals, because its meter reports it again. Nobody reports the interrupted ones
    // again, so they must be ended first and leave their totals.
    const silent = `t.org_id = ${literal(orgId)} AND ${isParty(subject)} AND ${isInterrupted(this.#clockUs())}`
    await this.closeInterrupted(silent)
    const erased = await this.#erasure.erase(orgId, subject)
    await this.#retention.compactUsage()
    // The sums by the hour hold the person's id until sums that cancel each other are compacted.
    if (erased > 0) await this.#retention.compactRollupNow()
    return erased
  }

  async pseudonymise(
    orgId: string,
    subject: Subject,
    addresses: readonly string[],
  ): Promise<number> {
    await this.#emptyLog()
    await this.closeInterrupted()
    const replaced = await this.#erasure.pseudonymise(orgId, subject, addresses)
    if (replaced > 0) await this.#retention.compactRollupNow()
    return replaced
  }

  async removeSessions(orgId: string, siteId: number): Promise<number> {
    await this.#emptyLog()
    const removed = await this.#erasure.removeSessions(orgId, siteId)
    await this.#retention.compactUsage()
    if (removed > 0) await this.#retention.compactRollupNow()
    return removed
  }

  async removeOrg(orgId: string): Promise<number> {
    await this.#emptyLog()
    const removed = await this.#erasure.removeOrg(orgId)
    await this.#writer.reload()
    return removed
  }

  /** Applies all acknowledged batches, because sessions still in the log would come back after the deletion. */
  async #emptyLog(): Promise<void> {
    await this.#writer.forgetApplied()
    if ((await this.#writer.applied(Number.POSITIVE_INFINITY)) !== null)
      throw new AppError('STORE_BUSY', 'the database is behind the log: nothing was deleted', {
        hint: 'Try again in a few seconds.',
      })
  }

  async expireUsage(beforeMonth: string): Promise<void> {
    await this.#writer.tidyLog().catch(() => undefined)
    const now = this.#clockUs()
    return this.#retention.expireUsage(beforeMonth, now - DAY_US, now - 400 * DAY_US)
  }
}
