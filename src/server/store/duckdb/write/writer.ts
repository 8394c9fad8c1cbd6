/**
 * The only writer: it makes batches durable in the log, and applies them to the database.
 *
 *   submit -> log (append, one sync for all waiting batches) -> receipt
 *              \-> applier: groups in log order -> one transaction with the position in the log (group-commit.ts)
 *
 * Chores run between two groups, and use the connection for up to half a second: checkpoints of the write-ahead log
 * (checkpointer.ts), closing interrupted sessions, erasures. Receipts do not wait for chores. Sums by the hour are
 * made at the same time, on another connection (rollup.ts).
 *
 * A batch that the database refuses is skipped (commit-or-skip.ts). While the database accepts nothing (a full disk), the
 * applier retries every RETRY_MS (1 s) and with each read.
 *
 * A read waits until the database holds the batches that were acknowledged before the read (applied(), up to 10 s), and
 * for no later ones. Groups are short for that, and a checkpoint, which may take longer than many groups, waits for
 * reads unless it is overdue.
 *
 * Limits: those of backlog.ts in a transaction and in memory; BEHIND_SESSIONS_MAX and BEHIND_BATCHES_MAX not yet
 * applied, and the log's bytes. At one of the last three, submit() throws STORE_BUSY, and meters keep their batches.
 */
import { setTimeout as setTimeoutAsync } from 'node:timers/promises'
import { AppError } from '../../../../base/errors.js'
import type { Log } from '../../../log/log.js'
import type { Progress, ReadLogged } from '../../config.js'
import { arrivalOf } from '../../meters/book.js'
import type { Arrived, Booking } from '../../meters/lives.js'
import { Mutex } from '../../mutex.js'
import type { Behind, StoreStats, WriteReceipt, WriteRequest } from '../../store.js'
import type { Database } from '../database.js'
import { isFull, storeFull } from '../errors.js'
import { COPY_LOG } from '../export/copy.js'
import { Arrivals, identityOf } from './arrivals.js'
import { Backlog } from './backlog.js'
import { Checkpointer } from './checkpointer.js'
import { CommitOrSkip } from './commit-or-skip.js'
import { entryOf } from './entries.js'
import { GroupCommit, type SiteBatch } from './group-commit.js'
import { Rollup } from './rollup.js'
import { WaitingReads } from './waiting-reads.js'

/** A burst of up to 2 M sessions is acknowledged at the speed of the log. */
export const BEHIND_SESSIONS_MAX = 2_000_000
export const BEHIND_BATCHES_MAX = 20_000
const RETRY_MS = 1000
const READ_WAIT_MS = 10_000
/** Batches that are not applied by then are applied after the next start. */
const CLOSE_WAIT_MS = 2000
/** The name of the database's cursor in the log. */
const READER = 'store'

export interface WriterOptions {
  readonly log: Log
  readonly readLogged: ReadLogged
  readonly clockUs: () => number
  /** New sessions after which sums by the hour are due. */
  readonly rollRows: number
  /** The number of a commit that readers have passed already: new commits get higher ones. */
  readonly arrivalsAfter?: number | undefined
  /** Size of the write-ahead log at which a checkpoint is due. */
  readonly walBytes: number
  /** The longest time that a read waits for acknowledged batches; default 10 s. */
  readonly readWaitMs?: number | undefined
  /** The most sessions acknowledged but not applied; default BEHIND_SESSIONS_MAX. */
  readonly behindSessions?: number | undefined
  readonly progress?: Progress | undefined
}

export type WriterStats = Omit<
  Required<StoreStats>,
  'fileBytes' | 'walBytes' | 'diskFreeBytes' | 'exports' | 'exportsWaiting'
>

interface Parts {
  readonly groups: GroupCommit
  readonly rollup: Rollup
  readonly checkpointer: Checkpointer
  readonly mutex: Mutex
}

export class Writer {
  readonly #options: WriterOptions
  readonly #log: Log
  readonly #groups: GroupCommit
  readonly #commits: CommitOrSkip
  readonly #rollup: Rollup
  readonly #checkpointer: Checkpointer
  /** For deletions, roll-ups, checkpoints and catalogs. Appending does not need it. */
  readonly mutex: Mutex
  readonly #backlog: Backlog
  readonly #arrivals = new Arrivals()
  readonly #reads = new WaitingReads()
  /** Includes batches that are being logged. */
  #sessionsBehind = 0
  /** Chores that run between two groups. */
  readonly #asked: (() => Promise<void>)[] = []
  #running: Promise<void> | null = null
  /** Set from the moment a checkpoint is due until it has ended. */
  #checkpointing: Promise<void> | null = null
  /** The database refused the last attempt. */
  #stuck = false
  #restoredFrom: string | null = null
  #retry: NodeJS.Timeout | undefined
  #closing = false

  private constructor(options: WriterOptions, parts: Parts) {
    this.#options = options
    this.#log = options.log
    this.#backlog = new Backlog(options.log, options.readLogged)
    this.#groups = parts.groups
    this.#commits = new CommitOrSkip(parts.groups, options)
    this.#rollup = parts.rollup
    this.#checkpointer = parts.checkpointer
    this.mutex = parts.mutex
  }

  /** Starts to apply log entries that the database does not hold. */
  static async open(database: Database, options: WriterOptions): Promise<Writer> {
    const connection = await database.connect()
    const mutex = new Mutex()
    const rollup = await Rollup.open(await database.connect(), mutex, options)
    const groups = await GroupCommit.open(connection, rollup)
    const checkpointer = new Checkpointer(database, connection, options.walBytes)
    await checkpointer.measure()
    const writer = new Writer(options, { groups, rollup, checkpointer, mutex })
    await writer.#goOn()
    return writer
  }

  /** See Rollup. */
  lastArrival(orgId?: string): number {
    return this.#rollup.lastArrival(orgId)
  }

  /** The time of the backup, if the database was restored from one before this opening. */
  get restoredFrom(): string | null {
    return this.#restoredFrom
  }

  get stats(): WriterStats {
    return {
      logBytes: this.#log.bytes,
      damagedLogPlaces: this.#log.damagedPlaces,
      waitingBatches: this.#backlog.batches,
      waitingSessions: this.#sessionsBehind,
      lateReads: this.#reads.late,
      refusedBatches: this.#commits.refusedBatches,
      ...this.#groups.counts,
      ...this.#checkpointer.counts,
      failedRollups: this.#rollup.failures,
    }
  }

  /** Resolves when the batch is durable in the log. @throws AppError STORE_BUSY */
  async submit(
    { orgId, siteId, batch, sessions, peerEvents, losses }: Omit<SiteBatch, 'receivedUs'>,
    body?: WriteRequest['body'],
  ): Promise<WriteReceipt> {
    const receivedUs = this.#options.clockUs()
    const siteBatch = {
      orgId,
      siteId,
      batch: batch && withoutRecords(batch),
      sessions,
      peerEvents,
      losses,
      receivedUs,
    }
    const identity = batch === null ? null : identityOf(orgId, siteId, batch, batch.batch)
    const arrived = this.#arrivals.fateOf(identity, siteBatch.batch)
    // Decided at once where possible, so that two batches with one identity are not both fresh.
    if (arrived === 'unknown' || (arrived === undefined && this.#groups.beginsAnew(siteBatch)))
      await this.applied()
    const fate =
      arrived === undefined || arrived === 'unknown' ? this.#groups.fateOf(siteBatch) : arrived
    const arrival = batch && arrivalOf(batch, this.#livesOf(siteBatch, batch.meterId), receivedUs)
    if (fate === 'fresh') await this.#arrive(siteBatch, { identity, life: arrival?.life }, body)
    else await this.#arrivals.durable(identity)
    return receiptOf(siteBatch, fate, arrival?.twoLives ?? false)
  }

  #livesOf(siteBatch: SiteBatch, meterId: string): Arrived[] {
    const known = this.#groups.livesOf(siteBatch, meterId)
    return [...new Map([...known, ...this.#arrivals.livesOf(siteBatch, { meterId })]).values()]
  }

  async #arrive(
    siteBatch: SiteBatch,
    { identity, life }: { readonly identity: string | null; readonly life: Arrived | undefined },
    body: WriteRequest['body'],
  ): Promise<void> {
    const { behindSessions = BEHIND_SESSIONS_MAX } = this.#options
    // If nothing waits, a batch of any size is accepted.
    const isBehind =
      this.#sessionsBehind > 0 && this.#sessionsBehind + siteBatch.sessions.length > behindSessions
    if (isBehind || this.#backlog.batches >= BEHIND_BATCHES_MAX)
      throw new AppError('STORE_BUSY', 'the database is too far behind the log', {
        hint: 'Send the batch again in a few seconds.',
      })
    if (this.#checkpointer.isFull) await this.#mustHaveRoom()
    this.#sessionsBehind += siteBatch.sessions.length
    const durable = this.#log.append(entryOf(siteBatch, body))
    if (identity !== null && siteBatch.batch !== null) {
      const { crc, report } = siteBatch.batch
      this.#arrivals.add(identity, { crc, startedAt: report.startedAt, durable })
      if (life !== undefined) this.#arrivals.noteLife(siteBatch, siteBatch.batch, life)
    }
    try {
      this.#backlog.add(await durable, identity, siteBatch)
      this.#run()
    } catch (error) {
      this.#sessionsBehind -= siteBatch.sessions.length
      this.#arrivals.delete(identity)
      throw error
    }
  }

  /** @throws AppError STORE_FULL */
  async #mustHaveRoom(): Promise<void> {
    await this.freeLog()
    await this.checkpointIfTight()
    if (this.#checkpointer.isFull) throw storeFull()
  }

  async #goOn(): Promise<void> {
    const { logId, lsn } = await this.#groups.position()
    // Another log id: the database is a restored backup, has lost its log, or was written before there was one.
    const applied = logId === this.#log.id ? lsn : 0
    if (logId.startsWith(COPY_LOG)) {
      this.#restoredFrom = logId.slice(COPY_LOG.length)
      // So that the next start is a plain one. On a full disk it is another restore.
      await this.#groups.commit([], { logId: this.#log.id, lsn: 0 }).catch(() => undefined)
    }
    this.#log.continueAfter(applied)
    const { found, lost } = this.#log.entriesAfter(applied)
    for (const { entry, ...place } of found) {
      const { orgId, siteId, meterId, spoolId, number, crc } = entry
      const identity = number === 0 ? null : identityOf(orgId, siteId, { meterId, spoolId }, number)
      this.#backlog.addLogged(place, identity)
      if (identity !== null) this.#arrivals.add(identity, { crc, durable: Promise.resolve() })
    }
    if (found.length + lost > 0)
      this.#options.progress?.('applying the log to the database', { entries: found.length, lost })
    this.#log.passed(READER, applied)
    this.#run()
  }

  /** See GroupCommit. */
  closeInterrupted(which?: string): Promise<number> {
    return this.betweenGroups(() => this.#groups.closeInterrupted(which))
  }

  /** Runs work that deletes sessions, and then drops cached ids. */
  deletingBetweenGroups<T>(work: () => Promise<T>): Promise<T> {
    return this.betweenGroups(() => work().finally(() => this.#groups.forgetIds()))
  }

  /** Runs work of retention on sessions that batches may change too, and then forgets what it deleted. */
  expiringBetweenGroups<T>(work: () => Promise<T>): Promise<T> {
    return this.betweenGroups(() => work().finally(() => this.#groups.forgetExpired()))
  }

  /** Reloads cached state after meters were deleted. */
  reload(): Promise<void> {
    return this.betweenGroups(() => this.#groups.reload())
  }

  /**
   * Runs work on sessions that batches may change too. No group is applied meanwhile. The work first takes the mutex,
   * so groups go on while it waits for that.
   */
  betweenGroups<T>(work: () => Promise<T>): Promise<T> {
    const asked = () =>
      new Promise<T>((resolve, reject) => {
        this.#asked.push(() => work().then(resolve, reject))
        this.#run()
      })
    return this.mutex.run(asked)
  }

  /** Deletes the log's current entries: applied ones now, others once they are applied. */
  forgetApplied(): Promise<void> {
    return this.#log.forgetPassed()
  }

  /** For a full disk: deletes at once every log segment that the database has. */
  freeLog(): Promise<void> {
    return this.#log.freePassed()
  }

  /** Deletes old log segments. Needed regularly, because a log without new entries does not check their age. */
  tidyLog(): Promise<void> {
    return this.#log.tidy()
  }

  /** Waits until nothing is being written, and until a checkpoint has ended if one is due. */
  async idle(): Promise<void> {
    if (this.#checkpointer.isDue) this.#run()
    while (this.#running !== null || this.#rollup.isRolling || this.#checkpointing !== null) {
      await this.#running
      await this.#rollup.settled()
      await this.#checkpointing
    }
  }

  /**
   * Resolves when the database holds all batches acknowledged so far, cannot take them for now, or waitMs has passed.
   * @returns the acknowledged batches that the database does not hold; null: none
   */
  async applied(waitMs = this.#options.readWaitMs ?? READ_WAIT_MS): Promise<Behind | null> {
    const { lastLsn } = this.#backlog
    if (lastLsn === undefined) return null
    // The database may accept again.
    this.#stuck = false
    const waited = this.#reads.wait(lastLsn, waitMs)
    this.#run()
    await waited
    return this.#backlog.upTo(lastLsn)
  }

  /** Waits up to CLOSE_WAIT_MS (2 s) for the applier. The log keeps the rest. */
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
    // Wait a microtask, so batches that arrive together are committed together.
    await Promise.resolve()
    do {
      if (this.#mayApply) await this.#applySome()
      this.#rollup.rollWhenDue(() => this.#run())
      if (this.#checkpointing === null && this.#checkpointIsDue) this.#startCheckpoint()
      for (const chore of this.#asked.splice(0)) await chore()
    } while (
      this.#asked.length > 0 ||
      (this.#backlog.batches > 0 && this.#mayApply && !this.#closing)
    )
    this.#running = null
  }

  /** An overdue checkpoint stops the applier, which bounds the write-ahead log. */
  get #mayApply(): boolean {
    return !this.#stuck && (this.#checkpointing === null || !this.#checkpointer.isOverdue)
  }

  async #applySome(): Promise<void> {
    try {
      if (this.#backlog.batches > 0 && this.#checkpointer.isForDeletions) throw storeFull()
      const group = await this.#backlog.nextGroup(() => this.#reads.wantedLsn)
      await this.#commits.commit(group, {
        positionAfter: (count) => ({ logId: this.#log.id, lsn: this.#backlog.lsnOf(count) }),
        taken: (count) => this.#taken(count),
      })
    } catch (error) {
      this.#stuck = true
      if (isFull(error)) await this.freeLog()
      clearTimeout(this.#retry)
      this.#retry = setTimeout(() => {
        this.#stuck = false
        this.#run()
      }, RETRY_MS).unref()
    }
    const next = this.#backlog.firstLsn ?? Number.POSITIVE_INFINITY
    this.#reads.answerBefore(this.#stuck ? Number.POSITIVE_INFINITY : next)
  }

  /** The database holds the first `count` waiting batches. */
  #taken(count: number): void {
    const lsn = this.#backlog.lsnOf(count)
    for (const { identity, sessions } of this.#backlog.take(count)) {
      this.#sessionsBehind -= sessions
      this.#arrivals.delete(identity)
    }
    this.#log.passed(READER, lsn)
  }

  get #checkpointIsDue(): boolean {
    // A checkpoint would delay batches, and so reads. Under constant load reads always wait, so an overdue one runs.
    const canWait = this.#backlog.batches > 0 && this.#reads.some
    return canWait ? this.#checkpointer.isOverdue : this.#checkpointer.isDue
  }

  /**
   * On a nearly full disk: makes the checkpoint that frees space.
   * @param deleted sessions were deleted, whose space only a checkpoint frees
   */
  async checkpointIfTight(deleted = false): Promise<void> {
    const { isTight, isFull } = this.#checkpointer
    if (this.#checkpointing === null && (isTight || (deleted && isFull))) this.#startCheckpoint()
    await this.#checkpointing
  }

  /** A failed checkpoint changes nothing, and is tried again later. */
  #startCheckpoint(): void {
    this.#checkpointing = this.betweenGroups(() => this.#checkpointer.checkpoint()).finally(() => {
      this.#checkpointing = null
      this.#run()
    })
  }
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

/** A request's batch may still have all its sessions and events, including refused ones. */
function withoutRecords(siteBatch: WriteRequest['batch']): WriteRequest['batch'] {
  type AsCame = WriteRequest['batch'] & { sessions?: unknown; peerEvents?: unknown }
  const { sessions: _, peerEvents: __, ...batch } = siteBatch as AsCame
  return batch
}
