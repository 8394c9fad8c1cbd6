/**
 * The one writer: batches in, durable receipts out.
 *
 *   submit -> queue (batch-queue.ts) -> group -> one transaction (group-commit.ts) -> receipts
 *                  \-> journal (journaled.ts) -> receipts, and a group as soon as the connection is free
 *
 * Waiting batches are committed together: one fsync for all of them; large ones are laid out by columns when they come,
 * while those before them are committed. Between two groups come the chores, which need the connection for up to half a
 * second: the write-ahead log is folded into the file (log-fold.ts), interrupted sessions are closed. Batches that come
 * meanwhile are written to the journal and acknowledged; whoever reads the store waits until they are in it (applied()).
 * Sums by the hour are made beside all that (rollup.ts).
 *
 * When a group fails and the database takes other writes, its batches are committed one by one, and only those that fail
 * alone are told so. When nothing can be written, all are told: none of them is durable, each will be sent again.
 * Journaled ones were acknowledged, and stay in the journal.
 *
 * Limits: GROUP_SESSIONS_MAX in one transaction; those of the queue and of the journal, beyond which batches wait for
 * the chores.
 */

import type { StoredSession, StoreStats, WriteReceipt, WriteRequest } from '../../store.js'
import { Turns } from '../../turns.js'
import type { Database } from '../database.js'
import { BatchQueue, type Waiting } from './batch-queue.js'
import { GroupCommit, receiptOf } from './group-commit.js'
import type { Leftovers } from './journal.js'
import { JournaledBatches } from './journaled.js'
import { LogFold } from './log-fold.js'
import { endedRows } from './plan.js'
import { Rollup } from './rollup.js'

export const GROUP_SESSIONS_MAX = 50_000
/** Smaller batches are laid out together with others of their group: each has a price for its words. */
const ROWS_AT_ONCE_MIN = 1000

export interface WriterOptions {
  readonly directory: string
  readonly clockUs: () => number
  /** Arrived sessions after which they are summed up. */
  readonly rollRows: number
  /** Of the write-ahead log, beyond which it is folded into the file. */
  readonly walBytes: number
}

export type WriterStats = Omit<StoreStats, 'fileBytes' | 'walBytes' | 'exports' | 'exportsWaiting'>

interface Parts {
  readonly groups: GroupCommit
  readonly rollup: Rollup
  readonly journaled: JournaledBatches
  readonly fold: LogFold
  readonly turns: Turns
}

export class Writer {
  readonly #queue = new BatchQueue()
  readonly #groups: GroupCommit
  readonly #rollup: Rollup
  readonly #journaled: JournaledBatches
  readonly #fold: LogFold
  /** For what deletes, sums up or folds, and for catalogs; appending needs none. */
  readonly turns: Turns
  /** Chores asked for by others; folding is due by itself. */
  readonly #asked: (() => Promise<void>)[] = []
  #running: Promise<void> | null = null
  /** Of the chores: a batch came, or they have ended. */
  #wake: () => void = () => undefined

  private constructor(parts: Parts) {
    this.#groups = parts.groups
    this.#rollup = parts.rollup
    this.#journaled = parts.journaled
    this.#fold = parts.fold
    this.turns = parts.turns
  }

  /** What the journal holds is in the database afterwards, or set aside. */
  static async open(
    database: Database,
    options: WriterOptions,
  ): Promise<{ writer: Writer; leftovers: Leftovers; refusedBatches: number }> {
    const connection = await database.connect()
    const turns = new Turns()
    const rollup = await Rollup.open(await database.connect(), turns, options.rollRows)
    const groups = await GroupCommit.open(connection, rollup, options.clockUs)
    const { journaled, ...found } = await JournaledBatches.open(options.directory, groups)
    const fold = new LogFold(database, connection, options.walBytes)
    return { writer: new Writer({ groups, rollup, journaled, fold, turns }), ...found }
  }

  get stats(): WriterStats {
    return {
      queuedBatches: this.#queue.batches,
      queuedSessions: this.#queue.sessions,
      journalBytes: this.#journaled.bytes,
      journaledBatches: this.#journaled.count,
      ...this.#fold.counts,
      failedRollups: this.#rollup.failures,
    }
  }

  /** @throws AppError STORE_BUSY */
  submit(
    orgId: string,
    siteId: number,
    batch: WriteRequest['batch'] | null,
    sessions: readonly StoredSession[],
  ): Promise<WriteReceipt> {
    this.#queue.assertRoomFor(sessions.length)
    const ended = sessions.length < ROWS_AT_ONCE_MIN ? undefined : endedRows(sessions)
    const given = { orgId, siteId, batch: batch && withoutSessions(batch), sessions, ended }
    const receipt = this.#queue.add(given)
    this.#run()
    this.#wake()
    return receipt
  }

  /** See GroupCommit. */
  closeInterrupted(): Promise<number> {
    return this.betweenGroups(() => this.#groups.closeInterrupted())
  }

  /** For work on sessions that batches may change, too: nothing is committed meanwhile. Batches that come are journaled. */
  betweenGroups<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#asked.push(() => this.turns.run(work).then(resolve, reject))
      this.#run()
    })
  }

  /** Waits until nothing is being written; what others write meanwhile is folded when it is much. */
  async idle(): Promise<void> {
    if (this.#fold.isDue) this.#run()
    while (this.#running !== null || this.#rollup.isRolling) {
      await this.#running
      await this.#rollup.settled()
    }
  }

  /** Resolves when what was acknowledged so far is in the database, or could not be put there for now. */
  async applied(): Promise<void> {
    const tried = this.#journaled.applied()
    if (tried === null) return
    // What was refused before may be taken now.
    this.#run()
    await tried
  }

  async close(): Promise<void> {
    await this.idle()
    await this.#journaled.close()
  }

  #run(): void {
    this.#running ??= this.#drain()
  }

  async #drain(): Promise<void> {
    // One turn later, so that batches that arrive together are committed together.
    await Promise.resolve()
    do {
      await this.#journaled.apply(() => this.#commitQueued())
      await this.#commitQueued()
      this.#rollup.rollWhenDue(() => this.#run())
      if (this.#choresAreDue()) await this.#journalDuring(() => this.#doChores())
    } while (this.#queue.batches + this.#asked.length > 0 || this.#journaled.areDue)
    this.#running = null
  }

  async #commitQueued(): Promise<void> {
    const group = this.#queue.take(GROUP_SESSIONS_MAX, 1)
    if (group.length === 0) return
    try {
      const receipts = await this.#groups.commit(group.map((waiting) => waiting.given))
      this.#queue.succeed(group, receipts)
    } catch (error) {
      if (group.length === 1 || !(await this.#groups.canWrite())) this.#queue.fail(group, error)
      else await this.#commitOneByOne(group)
    }
  }

  /** A batch that the database refuses, whatever is in it, must not fail those that came with it. */
  async #commitOneByOne(group: readonly Waiting[]): Promise<void> {
    for (const waiting of group) {
      await this.#groups.commit([waiting.given]).then(
        (receipts) => this.#queue.succeed([waiting], receipts),
        (error: unknown) => this.#queue.fail([waiting], error),
      )
    }
  }

  #choresAreDue(): boolean {
    if (this.#asked.length > 0) return true
    // It would wait for the roll-up, and batches for it. Under constant load one may follow the other: not for ever.
    const canWait = this.#queue.batches > 0 && this.#rollup.isRolling
    return canWait ? this.#fold.isOverdue : this.#fold.isDue
  }

  /** A failure leaves all as it was: it is tried again later. */
  async #doChores(): Promise<void> {
    for (const chore of this.#asked.splice(0)) await chore()
    if (this.#fold.isDue) await this.turns.run(() => this.#fold.fold())
  }

  /** Runs what keeps the connection for long. */
  async #journalDuring(work: () => Promise<void>): Promise<void> {
    let busy = true
    const ended = work().finally(() => {
      busy = false
      this.#wake()
    })
    while (busy) {
      // Before it looks at the queue: a batch that comes while it does wakes it again.
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      if (!(await this.#journalQueued()) && busy) await woken
    }
    await ended
  }

  /** @returns false when there was nothing, or no room */
  async #journalQueued(): Promise<boolean> {
    if (!this.#journaled.takesMore) return false
    const group = this.#queue.take(this.#journaled.room, 0)
    if (group.length === 0) return false
    try {
      const known = await this.#journaled.add(group.map((waiting) => waiting.given))
      const receipts = group.map(({ given }) => receiptOf(given, known.get(given) ?? 'fresh'))
      this.#queue.succeed(group, receipts)
      return true
    } catch {
      // They wait for the database, as they would without a journal.
      this.#queue.putBack(group)
      return false
    }
  }
}

/** A request's batch may have its sessions as they came, with those that must not be stored. */
function withoutSessions(given: WriteRequest['batch']): WriteRequest['batch'] {
  const { sessions: _, ...batch } = given as WriteRequest['batch'] & { sessions?: unknown }
  return batch
}
