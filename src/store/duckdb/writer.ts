/**
 * The one writer: batches in, durable receipts out.
 *
 * Waiting batches are committed together (group commit): one fsync for all of them. What becomes of each record of a
 * group is in plan.ts.
 *
 * A failure rolls the whole group back, forgets all that was cached, and is told to every batch of the group: none
 * of them is durable, each will be sent again.
 *
 * Limits: GROUP_SESSIONS_MAX in one transaction; QUEUE_SESSIONS_MAX waiting, beyond it STORE_BUSY.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { AppError } from '../../errors.js'
import type { StoredSession, WriteReceipt, WriteRequest } from '../store.js'
import { appendSessions } from './chunks.js'
import { STORED_COLUMNS, STORED_NAMES } from './columns.js'
import type { Database } from './database.js'
import { KnownIds } from './known-ids.js'
import { explainMissing, isoToUs, isSeen, type Meter, Meters, markSeen } from './meters.js'
import { Fate, Plan, pagesOf } from './plan.js'
import { Rollup, Turns, unrollSql } from './rollup.js'
import { SESSION_RUN_OVER } from './where.js'

export const GROUP_SESSIONS_MAX = 50_000
export const QUEUE_SESSIONS_MAX = 200_000
/** Interrupted sessions that are closed at once, so that batches wait for it briefly. */
export const CLOSE_SESSIONS_MAX = 50_000

interface Waiting {
  readonly orgId: string
  readonly siteId: number
  readonly batch: WriteRequest['batch'] | null
  readonly sessions: readonly StoredSession[]
  readonly done: (receipt: WriteReceipt) => void
  readonly failed: (error: unknown) => void
}

const SAME_ID = 'o.org_id = s.org_id AND o.site_id = s.site_id AND o.run = s.run AND o.seq = s.seq'
const MORE_PACKETS =
  'coalesce(s.packets_tx, 0) + coalesce(s.packets_rx, 0) > coalesce(o.packets_tx, 0) + coalesce(o.packets_rx, 0)'

/** Ended without a report of its end. */
const CLOSED_OPEN = `o.end_reason = 'activeTimeout'`

export class Writer {
  readonly #connection: DuckDBConnection
  readonly #known: KnownIds
  readonly #clockUs: () => number
  readonly meters: Meters
  /** Of the rollup and whoever deletes. */
  readonly turns = new Turns()
  #rollup!: Rollup
  #queue: Waiting[] = []
  #queuedSessions = 0
  #running: Promise<void> | null = null

  private constructor(connection: DuckDBConnection, clockUs: () => number) {
    this.#connection = connection
    this.#clockUs = clockUs
    this.#known = new KnownIds(connection)
    this.meters = new Meters(connection)
  }

  static async open(database: Database, clockUs: () => number, rollRows: number): Promise<Writer> {
    const connection = await database.connect()
    const columns = STORED_COLUMNS.map((c) => `${c.name} ${c.sqlType}`).join(', ')
    await connection.run(`CREATE TEMP TABLE stage_ended (${columns})`)
    await connection.run(`CREATE TEMP TABLE stage_open (${columns}, run_started_us BIGINT)`)
    await connection.run(`CREATE TEMP TABLE stage_closed (${columns})`)
    const writer = new Writer(connection, clockUs)
    await writer.meters.load()
    writer.#rollup = await Rollup.open(connection, writer.turns, rollRows)
    return writer
  }

  get queuedBatches(): number {
    return this.#queue.length
  }
  get queuedSessions(): number {
    return this.#queuedSessions
  }

  submit(
    orgId: string,
    siteId: number,
    batch: WriteRequest['batch'] | null,
    sessions: readonly StoredSession[],
  ): Promise<WriteReceipt> {
    if (this.#queuedSessions > 0 && this.#queuedSessions + sessions.length > QUEUE_SESSIONS_MAX) {
      throw new AppError('STORE_BUSY', 'the store is behind', {
        hint: 'Send the batch again in a few seconds.',
      })
    }
    return new Promise((done, failed) => {
      this.#queue.push({ orgId, siteId, batch, sessions, done, failed })
      this.#queuedSessions += sessions.length
      this.#running ??= this.#drain()
    })
  }

  /**
   * Makes ended sessions of interrupted ones that their meter cannot report as open again (SESSION_RUN_OVER), as they
   * were at their last report; their end reason (activeTimeout) marks them. A real end that still comes replaces them.
   * @returns how many; the largest number means that there may be more
   */
  async closeInterrupted(): Promise<number> {
    while (this.#running !== null) await this.#running
    const closing = this.turns.run(() => this.#close())
    // What is submitted meanwhile waits, and is written after it.
    this.#running = closing.then(
      () => this.#drain(),
      () => this.#drain(),
    )
    return closing
  }

  async #close(): Promise<number> {
    const c = this.#connection
    await c.run('BEGIN')
    try {
      await c.run(`CREATE OR REPLACE TEMP TABLE closing AS SELECT t.rowid AS id, t.*
        FROM session_open t LEFT JOIN meter m
          ON m.org_id = t.org_id AND m.site_id = t.site_id AND m.meter_id = t.meter_id
        WHERE ${SESSION_RUN_OVER} LIMIT ${CLOSE_SESSIONS_MAX}`)
      const counted = await c.runAndReadAll('SELECT count(*)::DOUBLE FROM closing')
      const count = counted.getRows()[0]![0] as number
      if (count > 0) {
        const arrival = this.#rollup.nextArrival()
        await c.run(
          `INSERT INTO session (${STORED_NAMES}, arrival) SELECT ${STORED_NAMES}, ${arrival} FROM closing ORDER BY start_us`,
        )
        await c.run('DELETE FROM session_open WHERE rowid IN (SELECT id FROM closing)')
      }
      await c.run('COMMIT')
      this.#rollup.appended(count)
      if (count > 0) this.#known.clear()
      return count
    } catch (error) {
      await c.run('ROLLBACK').catch(() => undefined)
      await this.#rollup.load().catch(() => undefined)
      throw error
    }
  }

  /** Waits until nothing is being written. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running
  }

  async #drain(): Promise<void> {
    // One turn later, so that batches that arrive together are committed together.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const group: Waiting[] = []
      let sessions = 0
      while (
        this.#queue.length > 0 &&
        (group.length === 0 || sessions + this.#queue[0]!.sessions.length <= GROUP_SESSIONS_MAX)
      ) {
        const next = this.#queue.shift()!
        group.push(next)
        sessions += next.sessions.length
      }
      await this.#commit(group)
      this.#queuedSessions -= sessions
      // A failure leaves all as it was: it is tried again after the next group.
      await this.#rollup.rollWhenDue().catch(() => undefined)
    }
    this.#running = null
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    let receipts: WriteReceipt[]
    try {
      await this.#connection.run('BEGIN')
      receipts = await this.#write(group)
      await this.#connection.run('COMMIT')
    } catch (error) {
      await this.#connection.run('ROLLBACK').catch(() => undefined)
      this.#known.clear()
      await this.meters.load().catch(() => undefined)
      await this.#rollup.load().catch(() => undefined)
      for (const waiting of group) waiting.failed(error)
      return
    }
    for (const [i, waiting] of group.entries()) waiting.done(receipts[i]!)
  }

  async #write(group: readonly Waiting[]): Promise<WriteReceipt[]> {
    const receipts: WriteReceipt[] = []
    const fresh: Waiting[] = []
    const changed = new Map<Meter, boolean>()
    for (const waiting of group) {
      const repeated = waiting.batch !== null && !(await this.#take(waiting, changed))
      if (!repeated) fresh.push(waiting)
      receipts.push({ batch: waiting.batch?.batch ?? 0, stored: waiting.sessions.length, repeated })
    }
    for (const [meter, rangesChanged] of changed) await this.meters.save(meter, rangesChanged)
    const plan = new Plan(await this.#known.load(pagesOf(fresh)))
    for (const waiting of fresh) plan.add(waiting, this.#runStartedUs(waiting))
    await this.#apply(plan)
    return receipts
  }

  /** Books the batch number and the report. @returns false when the number is known */
  async #take(waiting: Waiting, changed: Map<Meter, boolean>): Promise<boolean> {
    const { orgId, siteId } = waiting
    const batch = waiting.batch!
    const meter =
      this.meters.get(orgId, siteId, batch.meterId) ??
      (await this.meters.create(orgId, siteId, batch.meterId, batch.report))
    if (isSeen(meter, batch.batch)) return false
    const nowUs = this.#clockUs()
    const newest = batch.batch > meter.lastBatch
    let rangesChanged = markSeen(meter, batch.batch, nowUs)
    for (const gap of batch.gaps) {
      if (explainMissing(meter, gap)) rangesChanged = true
      else if (gap.fromBatch === undefined) await this.meters.addLoss(meter, gap)
    }
    if (newest) {
      meter.report = batch.report
      meter.receivedUs = nowUs
      meter.runStartedUs = Math.max(meter.runStartedUs, isoToUs(batch.report.startedAt))
    }
    changed.set(meter, rangesChanged || changed.get(meter) === true)
    return true
  }

  #runStartedUs({ batch }: Waiting): number {
    return batch === null ? this.#clockUs() : isoToUs(batch.report.startedAt)
  }

  async #apply(plan: Plan): Promise<void> {
    const c = this.#connection
    const arrival = this.#rollup.nextArrival()
    const appended = plan.of(Fate.append)
    await appendSessions(c, 'session', appended, new Float64Array(appended.length).fill(arrival))
    this.#rollup.appended(appended.length)
    const closed = plan.closed
    if (closed.length > 0) {
      await c.run('DELETE FROM stage_closed')
      await appendSessions(c, 'stage_closed', closed)
      await c.run(`DELETE FROM session_open o USING stage_closed s WHERE ${SAME_ID}`)
    }
    const open = plan.of(Fate.open)
    if (open.length > 0) {
      await c.run('DELETE FROM stage_open')
      await appendSessions(c, 'stage_open', open, plan.openRuns(open))
      await c.run(
        `DELETE FROM session_open o USING stage_open s WHERE ${SAME_ID} AND ${MORE_PACKETS}`,
      )
      await c.run(`INSERT INTO session_open SELECT * FROM stage_open s
        WHERE NOT EXISTS (SELECT 1 FROM session_open o WHERE ${SAME_ID})`)
    }
    await this.#revise(plan.of(Fate.revise), arrival)
  }

  /** An ended session again: the one with more packets stays, and a real end in any case. */
  async #revise(sessions: readonly StoredSession[], arrival: number): Promise<void> {
    if (sessions.length === 0) return
    const c = this.#connection
    await c.run('DELETE FROM stage_ended')
    await appendSessions(c, 'stage_ended', sessions)
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
