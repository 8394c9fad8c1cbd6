/**
 * The one writer: batches in, durable receipts out.
 *
 *   submit -> queue -> group -> one transaction (group-commit.ts) -> receipts
 *                \-> journal -> receipts, and a group as soon as the connection is free
 *
 * Waiting batches are committed together: one fsync for all of them; large ones are laid out by columns when they come,
 * while those before them are committed. Between two groups come the chores, which need the connection for up to half a
 * second: the write-ahead log is folded into the file, interrupted sessions are closed. Batches that come meanwhile are
 * written to the journal (journal.ts) and acknowledged; whoever reads the store waits until they are in it (applied()).
 * Sums by the hour are made beside all that (rollup.ts).
 *
 * The log is folded here and nowhere else, while nobody writes: DuckDB can fold beside other transactions, but had
 * faults of that kind up to 1.5.5 (duckdb#25971, duckdb#24260: a file that cannot be opened any more).
 *
 * A failure is told to every batch of its group: none of them is durable, each will be sent again. Journaled ones were
 * acknowledged: they stay in the journal and are tried again with the next group and read, and when the store is opened;
 * then what is refused by a database that takes others is set aside (journal.refused). Until all are taken nothing more
 * is journaled.
 *
 * Limits: GROUP_SESSIONS_MAX in one transaction; JOURNAL_SESSIONS_MAX in the journal, beyond which batches wait for the
 * chores; QUEUE_SESSIONS_MAX waiting, beyond it STORE_BUSY.
 */
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { AppError } from '../../errors.js'
import type { StoredSession, StoreStats, WriteReceipt, WriteRequest } from '../store.js'
import { Turns } from '../turns.js'
import type { Database } from './database.js'
import { GroupCommit, receiptOf, type SiteBatch } from './group-commit.js'
import { Journal, type Leftovers } from './journal.js'
import { endedRows } from './plan.js'
import { Rollup } from './rollup.js'

export const GROUP_SESSIONS_MAX = 50_000
export const QUEUE_SESSIONS_MAX = 200_000
/**
 * A long fold (1.2 s was met) of 40,000 a second. They are in memory until they are in the database, and written twice,
 * which costs a third more: who sends more may wait.
 */
export const JOURNAL_SESSIONS_MAX = 48_000
/** Journaled ones in one transaction; batches that wait come between two. */
export const APPLY_SESSIONS_MAX = 6000
/** Smaller batches are laid out together with others of their group: each has a price for its words. */
const ROWS_AT_ONCE_MIN = 1000
/** What a fold may take: of the log a fifth was measured, of texts that are all different more; and the last row groups again. */
const FOLD_SHARE = 0.5
const FOLD_BYTES = 16 * 2 ** 20

interface Waiting {
  readonly given: SiteBatch
  readonly done: (receipt: WriteReceipt) => void
  readonly failed: (error: unknown) => void
}

export interface WriterOptions {
  readonly directory: string
  readonly clockUs: () => number
  /** Arrived sessions after which they are summed up. */
  readonly rollRows: number
  /** Of the write-ahead log, beyond which it is folded into the file. */
  readonly walBytes: number
}

export type WriterStats = Omit<StoreStats, 'fileBytes' | 'walBytes' | 'exports'>

export class Writer {
  readonly #database: Database
  readonly #connection: DuckDBConnection
  readonly #options: WriterOptions
  readonly #groups: GroupCommit
  readonly #rollup: Rollup
  readonly #journal: Journal
  /** For what deletes, sums up or folds, and for catalogs; appending needs none. */
  readonly turns: Turns
  #queue: Waiting[] = []
  #queuedSessions = 0
  /** Acknowledged, and not in the database. */
  #journaled: SiteBatch[] = []
  /** Their sessions, and one more for each. */
  #journaledSize = 0
  readonly #journaledNumbers = new Set<string>()
  /** All that was journaled, when that was tried last. */
  #taken = true
  #whenApplied: (() => void)[] = []
  /** Asked for by others; the writer's own chores are due by themselves. */
  readonly #asked: (() => Promise<void>)[] = []
  #running: Promise<void> | null = null
  /** Of the chores: a batch came, or they have ended. */
  #wake: () => void = () => undefined
  #foldAtBytes: number
  #counts = { journaledBatches: 0, folds: 0, failedFolds: 0 }

  private constructor(
    database: Database,
    connection: DuckDBConnection,
    options: WriterOptions,
    parts: { groups: GroupCommit; rollup: Rollup; journal: Journal; turns: Turns },
  ) {
    this.#database = database
    this.#connection = connection
    this.#options = options
    this.#groups = parts.groups
    this.#rollup = parts.rollup
    this.#journal = parts.journal
    this.turns = parts.turns
    this.#foldAtBytes = options.walBytes
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
    const { journal, leftovers } = await Journal.open(join(options.directory, 'journal'))
    const refused = await groups.commitAnyOf(leftovers.batches)
    if (refused.length > 0) await setAside(join(options.directory, 'journal.refused'), refused)
    await journal.clear()
    const parts = { groups, rollup, journal, turns }
    const writer = new Writer(database, connection, options, parts)
    return { writer, leftovers, refusedBatches: refused.length }
  }

  get stats(): WriterStats {
    return {
      queuedBatches: this.#queue.length,
      queuedSessions: this.#queuedSessions,
      journalBytes: this.#journal.bytes,
      ...this.#counts,
      failedRollups: this.#rollup.failures,
    }
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
    const ended = sessions.length < ROWS_AT_ONCE_MIN ? undefined : endedRows(sessions)
    const given = { orgId, siteId, batch: batch && withoutSessions(batch), sessions, ended }
    return new Promise((done, failed) => {
      this.#queue.push({ given, done, failed })
      this.#queuedSessions += sessions.length
      this.#run()
      this.#wake()
    })
  }

  /** See GroupCommit; between two groups. */
  closeInterrupted(): Promise<number> {
    return new Promise((resolve, reject) => {
      const close = () => this.turns.run(() => this.#groups.closeInterrupted())
      this.#asked.push(() => close().then(resolve, reject))
      this.#run()
    })
  }

  /** Waits until nothing is being written; what others write meanwhile is folded when it is much. */
  async idle(): Promise<void> {
    if (this.#foldIsDue()) this.#run()
    while (this.#running !== null || this.#rollup.isRolling) {
      await this.#running
      await this.#rollup.settled()
    }
  }

  /** Resolves when what was acknowledged so far is in the database, or could not be put there for now. */
  applied(): Promise<void> {
    if (this.#journaled.length === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#whenApplied.push(resolve)
      // What was refused before may be taken now.
      this.#run()
    })
  }

  async close(): Promise<void> {
    await this.idle()
    await this.#journal.close()
  }

  #run(): void {
    this.#running ??= this.#drain()
  }

  async #drain(): Promise<void> {
    // One turn later, so that batches that arrive together are committed together.
    await Promise.resolve()
    do {
      this.#taken = await this.#applyJournaled()
      await this.#commitQueued()
      this.#rollup.rollWhenDue(() => this.#run())
      if (this.#choresAreDue()) await this.#journalDuring(() => this.#doChores())
    } while (this.#mustGoOn())
    this.#running = null
  }

  #mustGoOn(): boolean {
    const waiting = this.#queue.length + this.#asked.length + this.#whenApplied.length
    return waiting > 0 || (this.#taken && this.#journaled.length > 0)
  }

  async #commitQueued(): Promise<void> {
    const group = this.#takeQueued(GROUP_SESSIONS_MAX, 1)
    if (group.length === 0) return
    try {
      const receipts = await this.#groups.commit(group.map((waiting) => waiting.given))
      for (const [i, waiting] of group.entries()) waiting.done(receipts[i]!)
    } catch (error) {
      for (const waiting of group) waiting.failed(error)
    } finally {
      this.#forget(group)
    }
  }

  /** @param batchesMin at least so many, if there are, be they as large as they may */
  #takeQueued(sessionsMax: number, batchesMin: 0 | 1): Waiting[] {
    const sizeOf = ({ given }: Waiting) => given.sessions.length
    return this.#queue.splice(0, countUpTo(this.#queue, sizeOf, sessionsMax, batchesMin))
  }

  #forget(group: readonly Waiting[]): void {
    for (const { given } of group) this.#queuedSessions -= given.sessions.length
  }

  #choresAreDue(): boolean {
    if (this.#asked.length > 0) return true
    // It would wait for the roll-up, and batches for it. Under constant load one may follow the other: not for ever.
    const bound = this.#foldAtBytes + this.#options.walBytes
    const canWait = this.#queue.length > 0 && this.#rollup.isRolling
    return this.#foldIsDue() && !(canWait && this.#database.walBytes() < bound)
  }

  #foldIsDue(): boolean {
    return this.#database.walBytes() >= this.#foldAtBytes
  }

  /** A failure leaves all as it was: it is tried again later. */
  async #doChores(): Promise<void> {
    for (const chore of this.#asked.splice(0)) await chore()
    if (this.#foldIsDue()) await this.turns.run(() => this.#fold())
  }

  async #fold(): Promise<void> {
    try {
      // One that ends in the middle stops the whole database until the next start; a commit only fails.
      const room = this.#database.walBytes() * FOLD_SHARE + FOLD_BYTES
      if (this.#database.freeBytes() < room) throw new Error('no room')
      await this.#connection.run('CHECKPOINT')
      this.#counts.folds++
    } catch {
      this.#counts.failedFolds++
    }
    // Not at once again what a full disk has refused.
    const { walBytes } = this.#options
    const left = this.#database.walBytes()
    this.#foldAtBytes = left < walBytes ? walBytes : left + walBytes / 4
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
    // The file is cut back when all of it is in the database; until it can be, it does not grow.
    if (!this.#taken) return false
    const group = this.#takeQueued(JOURNAL_SESSIONS_MAX - this.#journaledSize, 0)
    if (group.length === 0) return false
    const [fresh, repeated] = this.#unknownOf(group.map((waiting) => waiting.given))
    try {
      if (fresh.length > 0) await this.#journal.append(fresh)
    } catch {
      // They wait for the database, as they would without a journal.
      this.#queue.unshift(...group)
      return false
    }
    for (const given of fresh) {
      this.#journaled.push(given)
      this.#noteJournaled(given)
    }
    for (const { given, done } of group) done(receiptOf(given, repeated.has(given)))
    this.#forget(group)
    this.#counts.journaledBatches += fresh.length
    return true
  }

  /** @returns those that were neither committed nor journaled, and the others */
  #unknownOf(group: readonly SiteBatch[]): [SiteBatch[], Set<SiteBatch>] {
    const repeated = new Set<SiteBatch>()
    const numbers = new Set<string>()
    const fresh = group.filter((given) => {
      const number = numberOf(given)
      const known =
        given.batch !== null &&
        (numbers.has(number) ||
          this.#journaledNumbers.has(number) ||
          this.#groups.isRepeated(given))
      if (known) repeated.add(given)
      numbers.add(number)
      return !known
    })
    return [fresh, repeated]
  }

  /** @returns false when the database does not take all of them now */
  async #applyJournaled(): Promise<boolean> {
    if (this.#journaled.length === 0) return true
    const left = [...this.#journaled]
    const refused: SiteBatch[] = []
    try {
      while (left.length > 0) {
        const sizeOf = (given: SiteBatch) => given.sessions.length
        const some = left.slice(0, countUpTo(left, sizeOf, APPLY_SESSIONS_MAX, 1))
        refused.push(...(await this.#groups.commitAnyOf(some)))
        left.splice(0, some.length)
        if (left.length > 0) await this.#commitQueued()
      }
    } catch {
      return false
    } finally {
      this.#setJournaled([...refused, ...left])
      for (const resolve of this.#whenApplied.splice(0)) resolve()
    }
    if (refused.length > 0) return false
    await this.#journal.clear()
    return true
  }

  #setJournaled(batches: SiteBatch[]): void {
    this.#journaled = batches
    this.#journaledNumbers.clear()
    this.#journaledSize = 0
    for (const given of batches) this.#noteJournaled(given)
  }

  #noteJournaled(given: SiteBatch): void {
    this.#journaledNumbers.add(numberOf(given))
    this.#journaledSize += given.sessions.length + 1
  }
}

/** How many of them, from the first, have so many sessions at most; looks no further than that. */
function countUpTo<T>(
  batches: readonly T[],
  sizeOf: (batch: T) => number,
  sessionsMax: number,
  batchesMin: 0 | 1,
): number {
  let sessions = 0
  let count = 0
  for (const batch of batches) {
    sessions += sizeOf(batch)
    if (sessions > sessionsMax && count >= batchesMin) break
    count++
  }
  return count
}

/** To be looked at; as `journal` it is tried again. */
async function setAside(path: string, batches: readonly SiteBatch[]): Promise<void> {
  const { journal } = await Journal.open(path)
  try {
    await journal.append(batches)
  } finally {
    await journal.close()
  }
}

/** A request's batch may have its sessions as they came, with those that must not be stored. */
function withoutSessions(given: WriteRequest['batch']): WriteRequest['batch'] {
  const { meterId, batch, report, gaps } = given
  return { meterId, batch, report, gaps }
}

function numberOf({ orgId, siteId, batch }: SiteBatch): string {
  return `${orgId}/${siteId}/${batch?.meterId}/${batch?.batch}`
}
