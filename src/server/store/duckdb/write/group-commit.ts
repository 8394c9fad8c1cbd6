/**
 * A group of batches in one transaction: all of it is durable then, or nothing is.
 *
 * A failure rolls the group back and forgets all that was cached.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { StoredSession, WriteReceipt, WriteRequest } from '../../store.js'
import { SESSION_RUN_OVER } from '../read/where.js'
import { OWN_COLUMN_AT, STORED_COLUMNS, STORED_NAMES } from '../schema/columns.js'
import { appendTo, SessionRows } from './chunks.js'
import { KnownIds } from './known-ids.js'
import { type Booking, explainMissing, fateOf, hasTwin, isoToUs, markSeen } from './lives.js'
import { Meters, type SavedMeter } from './meters.js'
import { Fate, Plan, pagesOf, type SiteSessions } from './plan.js'
import { type Rollup, unrollSql } from './rollup.js'

/** Interrupted sessions that are closed at once, so that batches wait for it briefly. */
export const CLOSE_SESSIONS_MAX = 50_000

export interface SiteBatch extends SiteSessions {
  /** Null: sessions without a batch number. */
  readonly batch: WriteRequest['batch'] | null
}

const SAME_ID = 'o.org_id = s.org_id AND o.site_id = s.site_id AND o.run = s.run AND o.seq = s.seq'
const MORE_PACKETS =
  'coalesce(s.packets_tx, 0) + coalesce(s.packets_rx, 0) > coalesce(o.packets_tx, 0) + coalesce(o.packets_rx, 0)'

/** Ended without a report of its end. */
const CLOSED_OPEN = `o.end_reason = 'activeTimeout'`

export class GroupCommit {
  readonly #connection: DuckDBConnection
  readonly #known: KnownIds
  readonly #meters: Meters
  readonly #rollup: Rollup
  readonly #clockUs: () => number

  private constructor(
    connection: DuckDBConnection,
    meters: Meters,
    rollup: Rollup,
    clockUs: () => number,
  ) {
    this.#connection = connection
    this.#known = new KnownIds(connection)
    this.#meters = meters
    this.#rollup = rollup
    this.#clockUs = clockUs
  }

  static async open(
    connection: DuckDBConnection,
    rollup: Rollup,
    clockUs: () => number,
  ): Promise<GroupCommit> {
    const list = STORED_COLUMNS.map((c) => `${c.name} ${c.sqlType}`)
    const columns = list.join(', ')
    const openColumns = list.toSpliced(OWN_COLUMN_AT, 0, 'run_started_us BIGINT').join(', ')
    await connection.run(`CREATE TEMP TABLE stage_ended (${columns})`)
    await connection.run(`CREATE TEMP TABLE stage_open (${openColumns})`)
    await connection.run(`CREATE TEMP TABLE stage_closed (${columns})`)
    const meters = new Meters(connection)
    await meters.load()
    return new GroupCommit(connection, meters, rollup, clockUs)
  }

  /** What committing it would come to. */
  fateOf({ orgId, siteId, batch }: SiteBatch): Booking {
    if (batch === null) return 'fresh'
    const life = this.#meters.get(orgId, siteId, batch.meterId)?.lives.get(batch.spoolId ?? '')
    return life === undefined ? 'fresh' : fateOf(life, batch.batch, batch.crc)
  }

  /** @returns a receipt for each */
  async commit(group: readonly SiteBatch[]): Promise<WriteReceipt[]> {
    try {
      await this.#connection.run('BEGIN')
      const arrival = this.#rollup.nextArrival()
      const { receipts, appended } = await this.#write(group, arrival)
      await this.#connection.run('COMMIT')
      this.#rollup.committed(arrival, appended)
      return receipts
    } catch (error) {
      await this.#connection.run('ROLLBACK').catch(() => undefined)
      this.#known.clear()
      await this.#meters.load().catch(() => undefined)
      await this.#rollup.load().catch(() => undefined)
      throw error
    }
  }

  /**
   * Of batches that were acknowledged: one that the database refuses, whatever is in it, must not keep out the others.
   * @returns the refused ones
   * @throws the failure, when nothing can be written at all
   */
  async commitAnyOf(group: readonly SiteBatch[]): Promise<SiteBatch[]> {
    try {
      await this.commit(group)
      return []
    } catch (error) {
      if (!(await this.canWrite())) throw error
    }
    const refused: SiteBatch[] = []
    for (const given of group) await this.commit([given]).catch(() => refused.push(given))
    return refused
  }

  /** Whether the database takes anything at all. */
  canWrite(): Promise<boolean> {
    const changed = this.#connection.run('UPDATE rollup_state SET rolled = rolled')
    return changed.then(
      () => true,
      () => false,
    )
  }

  /**
   * Makes ended sessions of interrupted ones that their meter cannot report as open again (SESSION_RUN_OVER), as they
   * were at their last report; their end reason (activeTimeout) marks them. A real end that still comes replaces them.
   * @returns how many; the largest number means that there may be more
   */
  async closeInterrupted(): Promise<number> {
    const c = this.#connection
    await c.run('BEGIN')
    try {
      await c.run(`CREATE OR REPLACE TEMP TABLE closing AS SELECT t.rowid AS id, t.*
        FROM session_open t LEFT JOIN meter m
          ON m.org_id = t.org_id AND m.site_id = t.site_id AND m.meter_id = t.meter_id
        WHERE ${SESSION_RUN_OVER} LIMIT ${CLOSE_SESSIONS_MAX}`)
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
      this.#rollup.committed(arrival, count)
      if (count > 0) this.#known.clear()
      return count
    } catch (error) {
      await c.run('ROLLBACK').catch(() => undefined)
      await this.#rollup.load().catch(() => undefined)
      throw error
    }
  }

  async #write(
    group: readonly SiteBatch[],
    arrival: number,
  ): Promise<{ receipts: WriteReceipt[]; appended: number }> {
    const receipts: WriteReceipt[] = []
    const fresh: SiteBatch[] = []
    const changed: SavedMeter = new Map()
    for (const given of group) {
      const fate = given.batch === null ? 'fresh' : await this.#take(given, changed)
      if (fate === 'fresh') fresh.push(given)
      receipts.push(receiptOf(given, fate, this.#isOneOfTwoLives(given)))
    }
    await this.#meters.save(changed)
    const plan = new Plan(await this.#known.load(pagesOf(fresh)))
    for (const given of fresh) plan.add(given, this.#runStartedUs(given))
    return { receipts, appended: await this.#apply(plan, arrival) }
  }

  /** Books the batch number and the report. */
  async #take(given: SiteBatch, changed: SavedMeter): Promise<Booking> {
    const { orgId, siteId } = given
    const batch = given.batch!
    const meter =
      this.#meters.get(orgId, siteId, batch.meterId) ??
      (await this.#meters.create(orgId, siteId, batch.meterId, batch.report))
    const life = await this.#meters.lifeOf(meter, batch.spoolId ?? '', batch.firstBatch ?? 1)
    const fate = fateOf(life, batch.batch, batch.crc)
    if (fate !== 'fresh') return fate
    const nowUs = this.#clockUs()
    const newest = batch.batch > life.lastBatch
    const ranges = changed.get(meter) ?? new Map<typeof life, boolean>()
    changed.set(meter, ranges)
    const madeUs = isoToUs(batch.report.at)
    ranges.set(life, markSeen(life, batch.batch, madeUs, batch.crc) || ranges.get(life) === true)
    for (const gap of batch.gaps) {
      const its =
        gap.spoolId === undefined
          ? life
          : await this.#meters.lifeOf(meter, gap.spoolId, gap.fromBatch ?? 1)
      if (explainMissing(its, gap)) ranges.set(its, true)
      else if (gap.fromBatch === undefined) await this.#meters.addLoss(meter, gap)
    }
    if (!newest) await this.#meters.noteLate(meter, life, batch.report)
    else {
      await this.#meters.note(meter, life, batch.report)
      this.#meters.hear(meter, life, batch.report, nowUs)
    }
    return fate
  }

  #isOneOfTwoLives({ orgId, siteId, batch }: SiteBatch): boolean {
    if (batch === null) return false
    const meter = this.#meters.get(orgId, siteId, batch.meterId)
    const life = meter?.lives.get(batch.spoolId ?? '')
    if (meter === undefined || life === undefined) return false
    return hasTwin(life, [...meter.lives.values()], this.#clockUs())
  }

  #runStartedUs({ batch }: SiteBatch): number {
    return batch === null ? this.#clockUs() : isoToUs(batch.report.startedAt)
  }

  /** @returns how many sessions it appended to those that roll-ups count */
  async #apply(plan: Plan, arrival: number): Promise<number> {
    const c = this.#connection
    const appended = await this.#append(plan.takeAppended(), arrival)
    const closed = plan.closed
    if (closed.length > 0) {
      await this.#stage('stage_closed', closed)
      await c.run(`DELETE FROM session_open o USING stage_closed s WHERE ${SAME_ID}`)
    }
    const open = plan.of(Fate.open)
    if (open.length > 0) {
      await this.#stage('stage_open', open, plan.openRuns(open))
      await c.run(
        `DELETE FROM session_open o USING stage_open s WHERE ${SAME_ID} AND ${MORE_PACKETS}`,
      )
      await c.run(`INSERT INTO session_open BY NAME SELECT * FROM stage_open s
        WHERE NOT EXISTS (SELECT 1 FROM session_open o WHERE ${SAME_ID})`)
    }
    await this.#revise(plan.of(Fate.revise), arrival)
    return appended
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

  async #stage(table: string, sessions: readonly StoredSession[], extra?: Float64Array) {
    await this.#connection.run(`DELETE FROM ${table}`)
    const rows = new SessionRows(sessions)
    await appendTo(this.#connection, table, (appender) => rows.appendTo(appender, extra))
  }

  /** An ended session again: the one with more packets stays, and a real end in any case. */
  async #revise(sessions: readonly StoredSession[], arrival: number): Promise<void> {
    if (sessions.length === 0) return
    const c = this.#connection
    // What it replaces may be among those that are just being summed up.
    await this.#rollup.settled()
    await this.#stage('stage_ended', sessions)
    // The ranges are for the zone maps.
    const bounds = (
      await c.runAndReadAll(
        'SELECT min(run), max(run), min(seq)::VARCHAR, max(seq)::VARCHAR FROM stage_ended',
      )
    ).getRows()[0]! as string[]
    const near = `o.run >= '${bounds[0]}' AND o.run <= '${bounds[1]}' AND o.seq >= ${bounds[2]} AND o.seq <= ${bounds[3]}`
    await c.run(`DELETE FROM stage_ended s WHERE NOT EXISTS (
      SELECT 1 FROM session o WHERE ${near} AND ${SAME_ID} AND (${CLOSED_OPEN} OR ${MORE_PACKETS}))`)
    const left = (
      await c.runAndReadAll('SELECT count(*)::DOUBLE FROM stage_ended')
    ).getRows()[0]![0]
    if (left === 0) return
    await c.run(`CREATE OR REPLACE TEMP TABLE replaced AS
      SELECT o.* FROM session o JOIN stage_ended s ON ${near} AND ${SAME_ID}`)
    await c.run(unrollSql('replaced', this.#rollup.rolled))
    await c.run(`DELETE FROM session o USING stage_ended s WHERE ${near} AND ${SAME_ID}`)
    await c.run(
      `INSERT INTO session (${STORED_NAMES}, arrival) SELECT ${STORED_NAMES}, ${arrival} FROM stage_ended`,
    )
  }
}

export function receiptOf(
  { batch, sessions }: SiteBatch,
  fate: Booking,
  twoLives = false,
): WriteReceipt {
  return {
    batch: batch?.batch ?? 0,
    stored: fate === 'conflict' ? 0 : sessions.length,
    repeated: fate === 'repeated',
    ...(fate === 'conflict' && { conflict: true }),
    ...(twoLives && { twoLives }),
  }
}
