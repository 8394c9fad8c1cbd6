/**
 * Commits a group of batches in one transaction: all of them, or none.
 *
 * After a failure the group is rolled back and all caches are dropped.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { isoToUs, usToIso } from '../../../../base/instant.js'
import { book } from '../../meters/book.js'
import { type Arrived, type Booking, beginsAnew, fateOf } from '../../meters/lives.js'
import { lossSql } from '../../meters/loose-losses.js'
import { Meters, type SavedMeter } from '../../meters/meters.js'
import type { LooseLoss, StoredPeerEvent, WriteRequest } from '../../store.js'
import { int, literal, rowsIn } from '../database.js'
import { OPEN_WITH_RUN, SESSION_RUN_OVER } from '../read/where.js'
import { STORED_NAMES } from '../schema/columns.js'
import { appendTo, type SessionRows } from './chunks.js'
import { admit, type Conflict, Conflicts, Freshness, markSql, spanOf } from './conflicts.js'
import { ExpiredOpen } from './expired-open.js'
import { KnownIds } from './known-ids.js'
import { peerEventsSql } from './peer-events.js'
import { Fate, Plan, pagesOf, type SiteSessions } from './plan.js'
import type { Rollup } from './rollup.js'
import { Staged } from './staged.js'

/** Interrupted sessions closed in one transaction. The number is small because batches wait for it. */
export const CLOSE_SESSIONS_MAX = 50_000

export interface SiteBatch extends SiteSessions {
  /** Null: sessions without a batch number. */
  readonly batch: WriteRequest['batch'] | null
  readonly peerEvents?: readonly StoredPeerEvent[] | undefined
  /** Of sessions without a batch number. */
  readonly losses?: readonly LooseLoss[] | undefined
  readonly receivedUs: number
}

/** The position in the log of the last entry that the database holds. */
export interface LogPosition {
  readonly logId: string
  readonly lsn: number
}

/** The report of a meter whose first report could not be written. */
const NO_REPORT = {
  version: '',
  interface: '',
  packets: 0,
  bytes: 0,
  other: {},
  openSessions: 0,
  packetsDropped: 0,
  sessionsDropped: {},
  spool: { batches: 0, bytes: 0, quarantined: 0 },
}

interface Applied {
  readonly appended: number
  readonly revised: number
  readonly statements: string[]
}

interface Parts {
  readonly connection: DuckDBConnection
  readonly meters: Meters
  readonly rollup: Rollup
  readonly staged: Staged
  readonly freshness: Freshness
}

export class GroupCommit {
  readonly #connection: DuckDBConnection
  readonly #known: KnownIds
  readonly #meters: Meters
  readonly #rollup: Rollup
  readonly #staged: Staged
  readonly #freshness: Freshness
  readonly #expired = new ExpiredOpen()
  #isStale = false
  /** Counts since the start: replaced ended sessions, and rejected records. */
  readonly counts = { revisedSessions: 0, conflictingSessions: 0 }
  /** Releases the roll-ups that an uncommitted revision holds. */
  #letRollUp = (): void => undefined

  private constructor({ connection, meters, rollup, staged, freshness }: Parts) {
    this.#connection = connection
    this.#known = new KnownIds(connection)
    this.#meters = meters
    this.#rollup = rollup
    this.#staged = staged
    this.#freshness = freshness
  }

  static async open(connection: DuckDBConnection, rollup: Rollup): Promise<GroupCommit> {
    const meters = new Meters(rowsIn(connection), 'rowid')
    await meters.load()
    const staged = await Staged.open(connection)
    const freshness = await Freshness.load(connection)
    const groups = new GroupCommit({ connection, meters, rollup, staged, freshness })
    await groups.#expired.load(connection)
    return groups
  }

  /** The result that a commit of the batch would have. */
  fateOf({ orgId, siteId, batch }: SiteBatch): Booking {
    if (batch === null) return 'fresh'
    const life = this.#meters.get(orgId, siteId, batch.meterId)?.lives.get(batch.spoolId ?? '')
    return life === undefined ? 'fresh' : fateOf(life, batch)
  }

  /** See beginsAnew(), by what is committed. */
  beginsAnew({ orgId, siteId, batch }: SiteBatch): boolean {
    if (batch === null) return false
    const life = this.#meters.get(orgId, siteId, batch.meterId)?.lives.get(batch.spoolId ?? '')
    return life !== undefined && beginsAnew(life, batch)
  }

  async position(): Promise<LogPosition> {
    const rows = await this.#connection.runAndReadAll(
      'SELECT log_id, lsn::DOUBLE FROM log_position',
    )
    const [logId, lsn] = rows.getRows()[0] as [string, number]
    return { logId, lsn }
  }

  async commit(group: readonly SiteBatch[], position: LogPosition): Promise<void> {
    if (this.#isStale) await this.reload()
    try {
      const arrival = this.#rollup.nextArrival()
      const { fresh, statements } = this.#book(group, arrival)
      await this.#connection.run(['BEGIN', ...statements].join(';\n'))
      const pages = await this.#known.load(pagesOf(fresh))
      const admitted = await admit(fresh, this.#known, pages, {
        staged: this.#staged,
        freshness: this.#freshness,
      })
      const plan = new Plan(pages)
      for (const siteBatch of admitted.batches) plan.add(siteBatch, runStartedUs(siteBatch))
      const applied = await this.#apply(plan, arrival)
      const conflicts = [...admitted.conflicts, ...conflictsOf(plan)]
      const losses = this.#lossSql(conflicts)
      const atUs = lastReceivedUs(group)
      const mark = group.length === 0 ? null : this.#freshness.dueMark(arrival, atUs)
      const marks = mark === null ? [] : markSql(mark)
      await this.#connection.run(
        [...applied.statements, ...losses, ...marks, positionSql(position), 'COMMIT'].join(';\n'),
      )
      const orgIds = group.map(({ orgId }) => orgId)
      this.#rollup.committed(arrival, applied.appended, orgIds)
      if (group.length > 0) this.#freshness.came(mark, atUs)
      this.counts.revisedSessions += applied.revised
      for (const { sessions } of conflicts) this.counts.conflictingSessions += sessions
      this.#letRollUp()
    } catch (error) {
      await this.#rollBack()
      throw error
    }
  }

  /** Adds rejected records as losses of the meter that sent them. */
  #lossSql(conflicts: readonly Conflict[]): string[] {
    const losses: string[] = []
    for (const conflict of conflicts) {
      const { orgId, siteId, meterId, sessions } = conflict
      const meter = this.#meters.get(orgId, siteId, meterId)
      const [from, to] = [usToIso(conflict.fromUs), usToIso(conflict.toUs)]
      if (meter === undefined) losses.push(...lossSql(conflict, 'sessionConflict', 'rowid'))
      else this.#meters.addLoss(meter, { reason: 'sessionConflict', sessions, from, to })
    }
    return [...losses, ...this.#meters.takeStatements(new Map())]
  }

  async #rollBack(): Promise<void> {
    await this.#connection.run('ROLLBACK').catch(() => undefined)
    this.#letRollUp()
    this.#isStale = true
    await this.reload().catch(() => undefined)
  }

  /**
   * Drops the caches and reads the state from the tables. Required after a rollback, and after other work has changed
   * cached tables, because the caches are then wrong.
   */
  async reload(): Promise<void> {
    this.#known.clear()
    await this.#meters.load()
    await this.#rollup.load()
    await this.#expired.load(this.#connection)
    this.#isStale = false
  }

  /**
   * Skips a batch that the database refuses. Its number is recorded as seen, and its sessions as a loss. If the report
   * or the peer events cannot be written either, they are left out.
   */
  async skip(siteBatch: SiteBatch, position: LogPosition): Promise<void> {
    const quiet = {
      ...siteBatch,
      peerEvents: [],
      batch: siteBatch.batch && this.#withoutReport(siteBatch, siteBatch.batch),
    }
    await this.#skip(siteBatch, position).catch(() => this.#skip(quiet, position))
  }

  async #skip(siteBatch: SiteBatch, position: LogPosition): Promise<void> {
    const { orgId, siteId, batch, sessions, receivedUs } = siteBatch
    if (this.#isStale) await this.reload()
    try {
      const arrival = this.#rollup.nextArrival()
      const { fresh, statements } = this.#book([siteBatch], arrival)
      const meterId = batch?.meterId ?? sessions[0]?.meterId ?? ''
      if (fresh.length > 0)
        statements.push(
          ...lossSql(
            { orgId, siteId, meterId, ...spanOf(sessions, receivedUs), sessions: sessions.length },
            'storeRefused',
            'rowid',
          ),
        )
      await this.#connection.run(
        ['BEGIN', ...statements, positionSql(position), 'COMMIT'].join(';\n'),
      )
      this.#rollup.committed(arrival, 0, [orgId])
    } catch (error) {
      await this.#rollBack()
      throw error
    }
  }

  #withoutReport(
    { orgId, siteId, receivedUs }: SiteBatch,
    batch: WriteRequest['batch'],
  ): WriteRequest['batch'] {
    const at = usToIso(receivedUs)
    const known = this.#meters.get(orgId, siteId, batch.meterId)?.report
    return {
      ...batch,
      gaps: [],
      report: known ?? { ...NO_REPORT, startedAt: at, at },
    }
  }

  /** True if the database accepts writes, so that an earlier failure was caused by the data. */
  canWrite(): Promise<boolean> {
    const changed = this.#connection.run('UPDATE log_position SET lsn = lsn')
    return changed.then(
      () => true,
      () => false,
    )
  }

  /**
   * Ends interrupted sessions that their meter cannot report as open again (SESSION_RUN_OVER). They keep the values of
   * their last report, and the end reason activeTimeout marks them. A real end that arrives later replaces them.
   * @param which a condition on OPEN_WITH_RUN. The sessions must not be expected to be reported again
   * @returns the number of sessions. If it is CLOSE_SESSIONS_MAX, there may be more
   */
  async closeInterrupted(which = SESSION_RUN_OVER): Promise<number> {
    const c = this.#connection
    await c.run('BEGIN')
    try {
      await c.run(`CREATE OR REPLACE TEMP TABLE closing AS SELECT t.rowid AS id, t.*
        FROM ${OPEN_WITH_RUN} WHERE ${which} LIMIT ${CLOSE_SESSIONS_MAX}`)
      const counted = await c.runAndReadAll('SELECT count(*)::DOUBLE FROM closing')
      const count = counted.getRows()[0]![0] as number
      const arrival = this.#rollup.nextArrival()
      if (count > 0) {
        await c.run(
          `INSERT INTO session (${STORED_NAMES}, arrival) SELECT ${STORED_NAMES}, ${arrival} FROM closing ORDER BY start_us`,
        )
        await c.run('DELETE FROM session_open WHERE rowid IN (SELECT id FROM closing)')
      }
      await c.run('COMMIT')
      this.#rollup.committed(arrival, count, count === 0 ? [] : undefined)
      if (count > 0) this.#known.clear()
      return count
    } catch (error) {
      await c.run('ROLLBACK').catch(() => undefined)
      await this.#rollup.load().catch(() => undefined)
      throw error
    }
  }

  /** Call it after sessions were deleted for good. */
  forgetIds(): void {
    this.#known.clear()
  }

  /** Call it after retention has deleted sessions: if they are sent again, they are stored again. */
  async forgetExpired(): Promise<void> {
    this.#known.clearPages()
    await this.#expired.load(this.#connection)
  }

  /** Records numbers, reports and peer events. @returns the new batches of the group, and the statements to run */
  #book(
    group: readonly SiteBatch[],
    arrival: number,
  ): { fresh: SiteBatch[]; statements: string[] } {
    const changed: SavedMeter = new Map()
    const fresh = group.filter(
      (siteBatch) =>
        siteBatch.batch === null ||
        book(this.#meters, { ...siteBatch, batch: siteBatch.batch }, changed) === 'fresh',
    )
    const events = fresh.flatMap(({ orgId, siteId, peerEvents }) =>
      peerEvents?.length ? [peerEventsSql(orgId, siteId, peerEvents, arrival)] : [],
    )
    const losses = fresh.flatMap(({ orgId, siteId, losses = [] }) =>
      losses.flatMap((loss) => lossSql({ ...loss, orgId, siteId }, loss.reason, 'rowid')),
    )
    return { fresh, statements: [...this.#meters.takeStatements(changed), ...events, ...losses] }
  }

  /** The recorded spools of the batch's meter. */
  livesOf({ orgId, siteId }: SiteBatch, meterId: string): ReadonlyMap<string, Arrived> {
    return this.#meters.get(orgId, siteId, meterId)?.lives ?? new Map()
  }

  /** Appends new sessions. @returns counts, and statements for the other records */
  async #apply(plan: Plan, arrival: number): Promise<Applied> {
    const parts = plan.takeAppended()
    const appended = await this.#append(parts, arrival)
    const open = plan.of(Fate.open)
    const statements = [
      ...(await this.#staged.endOpen(plan.closed)),
      ...(await this.#staged.putOpen(open, plan.openRuns(open))),
      ...this.#expired.takeBack(() => [...parts.flatMap(({ sessions }) => sessions), ...open]),
    ]
    const revised = plan.of(Fate.revise)
    if (revised.length === 0) return { appended, revised: 0, statements }
    // A running roll-up may be summing the sessions that are replaced here.
    this.#letRollUp = await this.#rollup.hold()
    const revision = await this.#staged.revise(revised, arrival, this.#rollup.rolled)
    return {
      appended,
      revised: revision.count,
      statements: [...statements, ...revision.statements],
    }
  }

  async #append(parts: readonly SessionRows[], arrival: number): Promise<number> {
    const count = parts.reduce((sum, { sessions }) => sum + sessions.length, 0)
    if (count === 0) return 0
    await appendTo(this.#connection, 'session', (appender) => {
      for (const rows of parts)
        rows.appendTo(appender, new Float64Array(rows.sessions.length).fill(arrival))
    })
    return count
  }
}

function conflictsOf({ conflicting }: Plan): Conflict[] {
  const conflicts = new Conflicts()
  for (const session of conflicting) conflicts.add(session)
  return conflicts.all
}

function lastReceivedUs(group: readonly SiteBatch[]): number {
  return group.reduce((latest, { receivedUs }) => Math.max(latest, receivedUs), 0)
}

function positionSql({ logId, lsn }: LogPosition): string {
  return `UPDATE log_position SET log_id = ${literal(logId)}, lsn = ${int(lsn)}`
}

function runStartedUs({ batch, receivedUs }: SiteBatch): number {
  return batch === null ? receivedUs : isoToUs(batch.report.startedAt)
}
