/**
 * The one writer: batches in, durable receipts out; then into the database.
 *
 *   submit -> log (append, one sync for all that wait) -> receipt
 *              \-> applier: groups, in the order of the log -> one transaction with the position (group-commit.ts)
 *
 * Between two groups come the chores, which need the connection for up to half a second: the write-ahead log is
 * checkpointed (checkpointer.ts), interrupted sessions are closed. Receipts do not wait for that; whoever reads the store
 * waits until what was acknowledged before is in it (applied()). Sums by the hour are made beside all that (rollup.ts).
 *
 * A batch that the database refuses, though it takes others, is skipped, counted, and a loss in the log that users see.
 * While the database takes nothing (a full disk), the applier tries again each RETRY_MS and with each read.
 *
 * A read waits for what was acknowledged before it began, and for nothing later: groups are short, and a checkpoint, which
 * may take longer than many groups, waits while somebody reads, unless it is overdue.
 *
 * Limits: GROUP_SESSIONS_MAX in one transaction; MEMORY_SESSIONS_MAX that wait in memory (the others are read back from
 * the log); BEHIND_SESSIONS_MAX and BEHIND_BATCHES_MAX that are not applied, and the log's bytes: beyond one of these
 * STORE_BUSY, and the meters keep what they have.
 */
import { setTimeout as setTimeoutAsync } from 'node:timers/promises'
import { AppError, messageOf } from '../../../../base/errors.js'
import type { Log, Place } from '../../../log/log.js'
import type { Progress, ReadLogged } from '../../config.js'
import { Mutex } from '../../mutex.js'
import type { Behind, StoreStats, WriteReceipt, WriteRequest } from '../../store.js'
import type { Database } from '../database.js'
import { Arrivals, identityOf } from './arrivals.js'
import { Checkpointer } from './checkpointer.js'
import { entryOf, readEntry } from './entries.js'
import { GroupCommit, type SiteBatch } from './group-commit.js'
import type { Booking } from './lives.js'
import { endedRows } from './plan.js'
import { Rollup } from './rollup.js'
import { WaitingReads } from './waiting-reads.js'

/** Some 100 ms of an idle machine: so long a chore, or a read, waits for a group. */
export const GROUP_SESSIONS_MAX = 10_000
const GROUP_BATCHES_MAX = 1000
export const MEMORY_SESSIONS_MAX = 200_000
/** A burst of 2 M sessions is acknowledged as fast as the log takes it. */
export const BEHIND_SESSIONS_MAX = 2_000_000
export const BEHIND_BATCHES_MAX = 20_000
/** Smaller batches are laid out together with others of their group: each has a price for its words. */
const ROWS_AT_ONCE_MIN = 1000
const RETRY_MS = 1000
const SAID_EVERY_US = 60e6
const READ_WAIT_MS = 10_000
/** What is not applied then is applied by the next start. */
const CLOSE_WAIT_MS = 2000
/** The name of the database's cursor in the log. */
const READER = 'store'

export interface WriterOptions {
  readonly log: Log
  readonly readLogged: ReadLogged
  readonly clockUs: () => number
  /** Arrived sessions after which they are summed up. */
  readonly rollRows: number
  /** Of commits, the number that readers have passed already. */
  readonly arrivalsAfter?: number | undefined
  /** Size of the write-ahead log beyond which it is checkpointed. */
  readonly walBytes: number
  /** A read waits for what is not applied so long, and is then answered from what is; 10 s. */
  readonly readWaitMs?: number | undefined
  /** Acknowledged and not applied; BEHIND_SESSIONS_MAX. */
  readonly behindSessions?: number | undefined
  readonly progress?: Progress | undefined
}

export type WriterStats = Omit<StoreStats, 'fileBytes' | 'walBytes' | 'exports' | 'exportsWaiting'>

/** In the log, and not in the database. */
interface Waiting {
  readonly place: Place
  readonly identity: string | null
  /** 0: of an earlier process, not known. */
  readonly sessions: number
  /** Null: to be read from the log. */
  readonly siteBatch: SiteBatch | null
}

interface Parts {
  readonly groups: GroupCommit
  readonly rollup: Rollup
  readonly checkpointer: Checkpointer
  readonly mutex: Mutex
}

/** Failures that are not those of what is written: it is tried again. */
const TRANSIENT =
  /conflict|out of memory|no space|io error|interrupt|invalidated|closed|disconnect/i

export class Writer {
  readonly #options: WriterOptions
  readonly #log: Log
  readonly #groups: GroupCommit
  readonly #rollup: Rollup
  readonly #checkpointer: Checkpointer
  /** For what deletes, sums up or checkpoints, and for catalogs; appending needs none. */
  readonly mutex: Mutex
  /** In the order of the log. */
  readonly #waiting: Waiting[] = []
  readonly #arrivals = new Arrivals()
  readonly #reads = new WaitingReads()
  #sessionsInMemory = 0
  /** Of batches that are being logged, too. */
  #sessionsBehind = 0
  #refusedBatches = 0
  #saidConflictsUs = Number.NEGATIVE_INFINITY
  /** Chores that others asked for; checkpoints are due by themselves. */
  readonly #asked: (() => Promise<void>)[] = []
  #running: Promise<void> | null = null
  /** From the moment it is due. */
  #checkpointing: Promise<void> | null = null
  /** The database took nothing when it was tried last. */
  #stuck = false
  #retry: NodeJS.Timeout | undefined
  #closing = false

  private constructor(options: WriterOptions, parts: Parts) {
    this.#options = options
    this.#log = options.log
    this.#groups = parts.groups
    this.#rollup = parts.rollup
    this.#checkpointer = parts.checkpointer
    this.mutex = parts.mutex
  }

  /** Begins to apply what the log holds and the database does not. */
  static async open(database: Database, options: WriterOptions): Promise<Writer> {
    const connection = await database.connect()
    const mutex = new Mutex()
    const rollup = await Rollup.open(await database.connect(), mutex, options)
    const groups = await GroupCommit.open(connection, rollup)
    const checkpointer = new Checkpointer(database, connection, options.walBytes)
    const writer = new Writer(options, { groups, rollup, checkpointer, mutex })
    await writer.#goOn()
    return writer
  }

  /** Of the newest commit of sessions that is durable. */
  get lastArrival(): number {
    return this.#rollup.lastArrival
  }

  get stats(): WriterStats {
    return {
      logBytes: this.#log.bytes,
      damagedLogPlaces: this.#log.damagedPlaces,
      waitingBatches: this.#waiting.length,
      waitingSessions: this.#sessionsBehind,
      lateReads: this.#reads.late,
      refusedBatches: this.#refusedBatches,
      ...this.#groups.counts,
      ...this.#checkpointer.counts,
      failedRollups: this.#rollup.failures,
    }
  }

  /** Resolves when it is durable. @throws AppError STORE_BUSY */
  async submit(
    { orgId, siteId, batch, sessions }: Omit<SiteBatch, 'receivedUs'>,
    body?: WriteRequest['body'],
  ): Promise<WriteReceipt> {
    const receivedUs = this.#options.clockUs()
    const siteBatch = {
      orgId,
      siteId,
      batch: batch && withoutSessions(batch),
      sessions,
      receivedUs,
    }
    const identity = batch === null ? null : identityOf(orgId, siteId, batch, batch.batch)
    const fate = this.#arrivals.fateOf(identity, siteBatch.batch) ?? this.#groups.fateOf(siteBatch)
    const twoLives = this.#groups.isOneOfTwoLives(siteBatch, this.#arrivals.runsOf(siteBatch))
    if (fate === 'fresh') await this.#arrive(siteBatch, identity, body)
    else await this.#arrivals.durable(identity)
    return receiptOf(siteBatch, fate, twoLives)
  }

  async #arrive(
    siteBatch: SiteBatch,
    identity: string | null,
    body: WriteRequest['body'],
  ): Promise<void> {
    const { behindSessions = BEHIND_SESSIONS_MAX } = this.#options
    // One is always taken, however large.
    const isBehind =
      this.#sessionsBehind > 0 && this.#sessionsBehind + siteBatch.sessions.length > behindSessions
    if (isBehind || this.#waiting.length >= BEHIND_BATCHES_MAX)
      throw new AppError('STORE_BUSY', 'the database is too far behind the log', {
        hint: 'Send the batch again in a few seconds.',
      })
    this.#sessionsBehind += siteBatch.sessions.length
    const durable = this.#log.append(entryOf(siteBatch, body))
    if (identity !== null && siteBatch.batch !== null) {
      this.#arrivals.add(identity, { crc: siteBatch.batch.crc, durable })
      this.#arrivals.noteRun(siteBatch, siteBatch.batch)
    }
    try {
      this.#wait(await durable, identity, siteBatch)
    } catch (error) {
      this.#sessionsBehind -= siteBatch.sessions.length
      this.#arrivals.delete(identity)
      throw error
    }
  }

  #wait(place: Place, identity: string | null, siteBatch: SiteBatch): void {
    const { sessions } = siteBatch
    const fits =
      this.#sessionsInMemory === 0 ||
      this.#sessionsInMemory + sessions.length <= MEMORY_SESSIONS_MAX
    if (fits) this.#sessionsInMemory += sessions.length
    const ended = fits && sessions.length >= ROWS_AT_ONCE_MIN ? endedRows(sessions) : undefined
    const kept = fits ? { ...siteBatch, ended } : null
    this.#waiting.push({ place, identity, sessions: sessions.length, siteBatch: kept })
    this.#run()
  }

  async #goOn(): Promise<void> {
    const { logId, lsn } = await this.#groups.position()
    // A log of another id is a new one: the database was restored from a backup, or is from before there was one.
    const applied = logId === this.#log.id ? lsn : 0
    this.#log.continueAfter(applied)
    const { found, lost } = this.#log.entriesAfter(applied)
    for (const { entry, ...place } of found) {
      const { orgId, siteId, meterId, spoolId, number, crc } = entry
      const identity = number === 0 ? null : identityOf(orgId, siteId, { meterId, spoolId }, number)
      this.#waiting.push({ place, identity, sessions: 0, siteBatch: null })
      if (identity !== null) this.#arrivals.add(identity, { crc, durable: Promise.resolve() })
    }
    if (found.length + lost > 0)
      this.#options.progress?.('the store goes on in its log', { entries: found.length, lost })
    this.#log.passed(READER, applied)
    this.#run()
  }

  /** See GroupCommit. */
  closeInterrupted(which?: string): Promise<number> {
    return this.betweenGroups(() => this.#groups.closeInterrupted(which))
  }

  /** For work that deletes sessions: the next group looks for their ids again. */
  deletingBetweenGroups<T>(work: () => Promise<T>): Promise<T> {
    return this.betweenGroups(() => work().finally(() => this.#groups.forgetIds()))
  }

  /** After meters were deleted. */
  reload(): Promise<void> {
    return this.betweenGroups(() => this.#groups.reload())
  }

  /**
   * For work on sessions that batches may change, too: nothing is applied meanwhile. The turn comes first, so that groups
   * go on while others have it.
   */
  betweenGroups<T>(work: () => Promise<T>): Promise<T> {
    const asked = () =>
      new Promise<T>((resolve, reject) => {
        this.#asked.push(() => work().then(resolve, reject))
        this.#run()
      })
    return this.mutex.run(asked)
  }

  /** What the database has goes from the log now, and what it does not have yet as soon as it has it. */
  forgetApplied(): Promise<void> {
    return this.#log.forgetPassed()
  }

  /** Now and then, as a log that nothing comes to does not look at the time. */
  tidyLog(): Promise<void> {
    return this.#log.tidy()
  }

  /** Waits until nothing is being written; checkpoints when others have meanwhile written much. */
  async idle(): Promise<void> {
    if (this.#checkpointer.isDue) this.#run()
    while (this.#running !== null || this.#rollup.isRolling || this.#checkpointing !== null) {
      await this.#running
      await this.#rollup.settled()
      await this.#checkpointing
    }
  }

  /**
   * Resolves when what was acknowledged so far is in the database, or could not be put there for now, or in time.
   * @returns what was acknowledged and is not there; null: nothing
   */
  async applied(waitMs = this.#options.readWaitMs ?? READ_WAIT_MS): Promise<Behind | null> {
    const last = this.#waiting.at(-1)
    if (last === undefined) return null
    // What was refused before may be taken now.
    this.#stuck = false
    const waited = this.#reads.wait(last.place.lsn, waitMs)
    this.#run()
    await waited
    return this.#behind(last.place.lsn)
  }

  #behind(lsn: number): Behind | null {
    const waiting = this.#waiting.filter(({ place }) => place.lsn <= lsn)
    if (waiting.length === 0) return null
    return { batches: waiting.length, sessions: waiting.reduce((sum, w) => sum + w.sessions, 0) }
  }

  /** What is not applied by then is in the log. */
  async close(): Promise<void> {
    await this.#log.close()
    await Promise.race([this.idle(), setTimeoutAsync(CLOSE_WAIT_MS, undefined, { ref: false })])
    this.#closing = true
    await this.idle()
    clearTimeout(this.#retry)
  }

  #run(): void {
    this.#running ??= this.#drain()
  }

  async #drain(): Promise<void> {
    // One turn later, so that batches that arrive together are committed together.
    await Promise.resolve()
    do {
      if (this.#mayApply) await this.#applySome()
      this.#rollup.rollWhenDue(() => this.#run())
      if (this.#checkpointing === null && this.#checkpointIsDue) this.#startCheckpoint()
      for (const chore of this.#asked.splice(0)) await chore()
    } while (
      this.#asked.length > 0 ||
      (this.#waiting.length > 0 && this.#mayApply && !this.#closing)
    )
    this.#running = null
  }

  /** The write-ahead log has a bound. */
  get #mayApply(): boolean {
    return !this.#stuck && (this.#checkpointing === null || !this.#checkpointer.isOverdue)
  }

  async #applySome(): Promise<void> {
    try {
      await this.#commit(await this.#nextGroup())
    } catch {
      this.#stuck = true
      clearTimeout(this.#retry)
      this.#retry = setTimeout(() => {
        this.#stuck = false
        this.#run()
      }, RETRY_MS).unref()
    }
    const next = this.#waiting[0]?.place.lsn ?? Number.POSITIVE_INFINITY
    this.#reads.answerBefore(this.#stuck ? Number.POSITIVE_INFINITY : next)
  }

  /**
   * While somebody reads, no more than what that waits for. Null in the place of one that cannot be read any more.
   */
  async #nextGroup(): Promise<(SiteBatch | null)[]> {
    const group: (SiteBatch | null)[] = []
    let sessions = 0
    // It grows while one is read.
    for (let i = 0; i < this.#waiting.length && i < GROUP_BATCHES_MAX; i++) {
      const { siteBatch, place } = this.#waiting[i]!
      if (group.length > 0 && this.#reads.some && place.lsn > this.#reads.wantedLsn) break
      const one = siteBatch ?? (await readEntry(this.#log, place, this.#options.readLogged))
      sessions += one?.sessions.length ?? 0
      if (sessions > GROUP_SESSIONS_MAX && group.length > 0) break
      group.push(one)
    }
    return group
  }

  async #commit(group: readonly (SiteBatch | null)[]): Promise<void> {
    if (group.length === 0) return
    const readable = group.filter((one) => one !== null)
    try {
      const before = this.#groups.counts.conflictingSessions
      await this.#groups.commit(readable, this.#position(group.length))
      this.#sayConflicts(this.#groups.counts.conflictingSessions - before)
      this.#forget(group.length)
      this.#refusedBatches += group.length - readable.length
    } catch (error) {
      if (isTransient(error) || !(await this.#groups.canWrite())) throw error
      for (const one of group) await this.#commitOrSkip(one)
    }
  }

  /** Whoever causes them may do so with each batch: once a minute. */
  #sayConflicts(sessions: number): void {
    const nowUs = this.#options.clockUs()
    if (sessions === 0 || Math.abs(nowUs - this.#saidConflictsUs) < SAID_EVERY_US) return
    this.#saidConflictsUs = nowUs
    this.#options.progress?.('records that belie stored sessions were not taken', { sessions })
  }

  async #commitOrSkip(one: SiteBatch | null): Promise<void> {
    const position = this.#position(1)
    try {
      await this.#groups.commit(one === null ? [] : [one], position)
      if (one === null) this.#refusedBatches++
    } catch (error) {
      if (one === null || isTransient(error) || !(await this.#groups.canWrite())) throw error
      await this.#groups.skip(one, position)
      this.#refusedBatches++
      const facts = { lsn: position.lsn, sessions: one.sessions.length }
      this.#options.progress?.(`the database refuses a batch: ${messageOf(error)}`, facts)
    }
    this.#forget(1)
  }

  /** That of the log after so many of those that wait. */
  #position(count: number) {
    return { logId: this.#log.id, lsn: this.#waiting[count - 1]!.place.lsn }
  }

  /** They are in the database. */
  #forget(count: number): void {
    const { lsn } = this.#position(count)
    for (const { identity, sessions, siteBatch } of this.#waiting.splice(0, count)) {
      this.#sessionsBehind -= sessions
      this.#arrivals.delete(identity)
      this.#sessionsInMemory -= siteBatch?.sessions.length ?? 0
    }
    this.#log.passed(READER, lsn)
  }

  get #checkpointIsDue(): boolean {
    // Reads wait for batches, and batches for it. Under constant load one may follow the other: not for ever.
    const canWait = this.#waiting.length > 0 && this.#reads.some
    return canWait ? this.#checkpointer.isOverdue : this.#checkpointer.isDue
  }

  /** A failure leaves all as it was: it is tried again later. */
  #startCheckpoint(): void {
    this.#checkpointing = this.betweenGroups(() => this.#checkpointer.checkpoint()).finally(() => {
      this.#checkpointing = null
      this.#run()
    })
  }
}

function isTransient(error: unknown): boolean {
  return TRANSIENT.test(messageOf(error))
}

function receiptOf({ batch, sessions }: SiteBatch, fate: Booking, twoLives: boolean): WriteReceipt {
  return {
    batch: batch?.batch ?? 0,
    stored: fate === 'conflict' ? 0 : sessions.length,
    repeated: fate === 'repeated',
    ...(fate === 'conflict' && { conflict: true }),
    ...(twoLives && { twoLives }),
  }
}

/** A request's batch may have its sessions as they came, with those that must not be stored. */
function withoutSessions(siteBatch: WriteRequest['batch']): WriteRequest['batch'] {
  const { sessions: _, ...batch } = siteBatch as WriteRequest['batch'] & { sessions?: unknown }
  return batch
}
