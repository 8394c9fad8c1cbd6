/**
 * Runs one destination: reads on from its cursors, sends, and records its progress.
 *
 *   plan     takes up to eventsMax sessions and bytesMax bytes after the cursor; the bounds are durable (Pending)
 *   attempt  sends them, one attempt at a time; repeats the same bounds and id until delivery, also after a crash
 *   note     saves the cursor, the counts and the outcome durably
 *
 * The live stream sends sessions as they arrive, backfills send stored ones. While both have work, every
 * BACKFILL_TURN-th turn goes to a backfill; several backfills take turns. A failed attempt is read again from the
 * store, so memory holds nothing while a receiver is away. Sessions that were deleted meanwhile are not sent. A
 * corrected session arrives again and is sent with its newest values.
 */

import { messageOf } from '../../base/errors.js'
import type { Logger } from '../../base/log.js'
import { endOfArrival, type LogFilter, type Store } from '../store/store.js'
import { Backlog } from './backlog.js'
import { BatchReader, type Read, type RowsAhead } from './batch-reader.js'
import { countAttempts } from './counts.js'
import { DeadLetters } from './dead-letters.js'
import { type Delivered, deliver } from './delivering.js'
import { type EventBody, filterOfQuery, type Presenter, testRow } from './events.js'
import { testPeer } from './formats/peers.js'
import type { Receiver } from './kind.js'
import { OpenReports } from './open-reports.js'
import {
  type AttemptClass,
  classOf,
  isReached,
  type Outcome,
  type Settled,
  settled,
  shown,
  troubleMs,
  WAIT_MS_MAX,
} from './outcome.js'
import {
  after,
  changed,
  counting,
  isStopped,
  LIVE,
  notSent,
  numberOf,
  type StreamKey,
  streamOf,
  troubled,
  underWay,
  withBackfill,
} from './progress.js'
import type {
  DestinationRecord,
  DestinationRecords,
  DestinationState,
  Entry,
  Pending,
  SavedState,
} from './records.js'
import { peerSent, type RowSource } from './rows.js'
import { StateKeeper } from './state-keeper.js'

const IDLE_MS = 500
const BACKFILL_TURN = 4
/**
 * After the stream had nothing more, it looks again this much later. Each look is a query, which costs as much for one
 * session as for a thousand, so sessions are gathered.
 */
const LIVE_LOOK_MS = 200
/** A batch that waits to fill is checked this often. */
const FILL_LOOK_MS = 5000
/** A paused destination is checked this often. */
const PAUSED_LOOK_MS = 10_000

export interface CourierParts {
  readonly store: RowSource
  /** For reports of open sessions. */
  readonly sessions: Pick<Store, 'page'>
  readonly records: DestinationRecords
  readonly log: Logger
  readonly clockMs: () => number
  /** @throws AppError SECRETS_LOST */
  readonly open: (record: DestinationRecord) => Receiver<EventBody>
  readonly presenter: (record: DestinationRecord) => Presenter
  /** Events as JSON, whatever the receiver gets. */
  readonly textPresenter: (record: DestinationRecord) => Presenter<string>
  readonly rowsAhead: RowsAhead
}

export class Courier {
  readonly record: DestinationRecord
  readonly entry: Entry
  readonly #parts: CourierParts
  readonly letters: DeadLetters
  readonly backlog: Backlog
  readonly #filter: LogFilter
  readonly #present: Presenter
  readonly #keeper: StateKeeper
  readonly #reader: BatchReader
  readonly #open: OpenReports
  #receiver: Receiver<EventBody> | undefined
  readonly #stopping = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #wake: () => void = () => undefined
  /** Counted since the start of this courier. */
  readonly attempts: Partial<Record<AttemptClass, number>> = {}
  #turn = 0
  #lastBackfill = 0
  /** When the batch began to wait for more sessions. `#liveFromMs`: when it is checked again. */
  #fillingMs: number | undefined
  #liveFromMs = 0
  /** What an attempt changed, while it cannot be saved. Nothing is sent until it is, or it would be sent twice. */
  #unsaved: ((state: DestinationState) => DestinationState) | undefined
  #isChecked = false
  /** Attempts in a row that a fault of this server ended. */
  #broken = 0

  constructor(entry: Entry, saved: SavedState, parts: CourierParts) {
    const { record } = entry
    this.record = record
    this.entry = entry
    this.#parts = parts
    this.#filter = filterOfQuery(record.query)
    this.#present = parts.presenter(record)
    this.#keeper = new StateKeeper({ ...parts, entry }, saved)
    this.#reader = new BatchReader(record, {
      ...parts,
      ...{ filter: this.#filter, present: this.#present, keeper: this.#keeper },
    })
    this.#open = new OpenReports(record, {
      ...{ store: parts.sessions, clockMs: parts.clockMs },
      ...{ filter: this.#filter, present: this.#present, signal: this.#stopping.signal },
    })
    this.backlog = new Backlog(record.orgId, {
      ...{ store: parts.store, keeper: this.#keeper, filter: this.#filter },
      endOf: (key) => this.#reader.endOf(key),
    })
    this.letters = new DeadLetters(record, {
      ...parts,
      ...{ present: this.#present, presentText: parts.textPresenter(record) },
      receiver: () => this.#receiverOf(),
      change: this.#keeper.change,
      signal: this.#stopping.signal,
    })
  }

  get state(): DestinationState {
    return this.#keeper.state
  }

  /** Another server changed the state. @throws AppError DESTINATION_CHANGED */
  async reload(version?: number): Promise<void> {
    if (version === this.#keeper.version) return
    await this.#keeper.reload()
    this.#hasten()
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Aborts the attempt under way. The next courier of this destination repeats it. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wake()
    await this.#running
    await this.#save().catch(() => undefined)
    this.#reader.forget()
    await this.#keeper.close()
    await this.#receiver?.close()
  }

  /** Sends nothing more, at once. Another server may do so by now. */
  abandon(): void {
    this.#stopping.abort()
    this.#wake()
  }

  /** It stopped by itself, because the destination was not its own any more. */
  get isLost(): boolean {
    return this.#keeper.isClosed || this.#stopping.signal.aborted
  }

  /** Call it after sessions were deleted, because rows that were read ahead must not be sent. */
  forget(): void {
    this.#reader.forget()
  }

  /** Ends every wait except a pause, and tries at once. */
  async hurry(): Promise<void> {
    await this.#keeper.change((s) => ({ ...s, nextAttemptMs: 0, refusedInRow: 0 }))
    this.#hasten()
  }

  #hasten(): void {
    this.#liveFromMs = 0
    this.#wake()
  }

  /**
   * Sends the stored sessions that started in this range. It runs beside the live stream and other backfills.
   * @throws AppError TOO_MANY_BACKFILLS
   */
  async backfill(fromUs: number, toUs: number): Promise<void> {
    const upTo = endOfArrival(this.#parts.store.lastArrival())
    const startedAt = new Date(this.#parts.clockMs()).toISOString()
    await this.#keeper.change((s) => withBackfill(s, { fromUs, toUs, upTo, startedAt }))
    this.#wake()
  }

  /** Stops a backfill; sessions already sent stay at the receiver. @returns false: no such backfill is under way */
  async stopBackfill(id: number): Promise<boolean> {
    const endedAt = new Date(this.#parts.clockMs()).toISOString()
    let isThere = false
    await this.#keeper.change((s) => {
      isThere = s.backfills.some((one) => one.id === id && one.endedAt === null)
      return isThere ? changed(s, id, { endedAt, stopped: true, pending: null }) : s
    })
    return isThere
  }

  /** Sends one event that is marked as a test. */
  async test(): Promise<Settled> {
    const nowMs = this.#parts.clockMs()
    const row =
      this.record.records === 'peers'
        ? peerSent(testPeer(nowMs * 1e3))
        : testRow(this.record.orgId, nowMs * 1e3)
    const { rows, events } = this.#present([row], true)
    const outcome = await this.#receiverOf().deliver({
      id: `${this.record.id}.test-${nowMs}`,
      orgId: this.record.orgId,
      sinceMs: nowMs,
      ...{ rows, events },
      signal: this.#stopping.signal,
    })
    return settled(outcome)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const waitMs = await this.#step().catch(async (error: unknown) => {
        if (!signal.aborted) await this.#noteTrouble(error)
        return troubleMs(this.#broken)
      })
      if (waitMs > 0) await this.#sleep(waitMs)
    }
  }

  #sleep(ms: number): Promise<void> {
    if (this.#stopping.signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async #noteTrouble(error: unknown): Promise<void> {
    const { id: destination, orgId } = this.record
    const { log, clockMs } = this.#parts
    log.warn({ destination, orgId, err: shown(messageOf(error)) }, 'a destination waits')
    const work = (s: DestinationState) => ({ ...s, ...troubled(s, error, clockMs()) })
    await this.#keeper.change(work).catch(() => undefined)
  }

  /** @returns the milliseconds to wait before the next step */
  async #step(): Promise<number> {
    const { clockMs } = this.#parts
    const nowMs = clockMs()
    if (this.record.paused || this.#keeper.isClosed) return PAUSED_LOOK_MS
    await this.#save()
    if (!this.#isChecked) await this.#check()
    const { nextAttemptMs } = this.state
    if (!isReached(nextAttemptMs, nowMs, WAIT_MS_MAX)) return nextAttemptMs - nowMs
    if (this.#open.isDue && !(await this.#reportOpen())) return 0
    const key = await this.#nextStream()
    if (key === undefined) return IDLE_MS
    const read = await this.#reader.next(key)
    if (read === null) return 0
    const fillMs = this.#leftToFill(key, read)
    if (fillMs > 0) {
      // Until then, all turns go to backfills.
      this.#liveFromMs = clockMs() + Math.min(fillMs, FILL_LOOK_MS)
      return 0
    }
    if (key === LIVE && !read.isFull) this.#liveFromMs = clockMs() + LIVE_LOOK_MS
    const pending = await this.#plan(key, read)
    if (pending === null) return 0
    this.#broken++
    await this.#attempt(key, read, pending)
    this.#broken = 0
    return 0
  }

  /**
   * What blocks a destination on this server's side (a lost key file, a refused address) is said at the start, not when there
   * is something to send. By then it may be mended, too: the next attempt will tell.
   */
  async #check(): Promise<void> {
    const receiver = this.#tryToOpen()
    const isOpen = 'deliver' in receiver
    const { blocked, lastFailure } = this.state
    if (!isOpen && !blocked) await this.#noteOutcome(notSent(receiver), (s) => s)
    if (isOpen && blocked && lastFailure?.status === null)
      await this.#keeper.change((s) => ({ ...s, blocked: false, nextAttemptMs: 0 }))
    this.#isChecked = true
  }

  /** Saves what the last attempt changed, if that failed. */
  async #save(): Promise<void> {
    if (this.#unsaved === undefined) return
    await this.#keeper.change(this.#unsaved)
    this.#unsaved = undefined
  }

  /** Sends a page of the open sessions. @returns false: the receiver did not take it */
  async #reportOpen(): Promise<boolean> {
    const { forgotten } = this.#reader
    const isStale = () => forgotten !== this.#reader.forgotten
    const batch = await this.#open.next()
    if (batch === null) return true
    const { clockMs } = this.#parts
    const receiver = this.#tryToOpen()
    const signal = this.#stopping.signal
    // A refused open report is not kept as a dead letter, because the session's end is sent later.
    const letters = { has: () => Promise.resolve(false), put: () => Promise.resolve(true) }
    const parts = { receiver: receiver as Receiver<EventBody>, letters, clockMs, signal }
    const done =
      'deliver' in receiver
        ? await deliver(
            parts,
            { ...batch, orgId: this.record.orgId, isStale },
            this.state.refusedInRow,
          )
        : notSent(receiver)
    const isTaken = done.outcome.kind === 'delivered'
    if (!isTaken) this.#open.giveUp()
    await this.#noteOutcome(done, (s) => ({
      ...s,
      openReports: (s.openReports ?? 0) + done.delivered,
      rejected: (s.rejected ?? 0) + done.rejected + done.deadLettered,
    }))
    return isTaken
  }

  /** How many milliseconds a batch still waits for more sessions. A pending attempt does not wait. */
  #leftToFill(key: StreamKey, { isFull }: Read): number {
    if (isFull || key !== LIVE || this.state.live.pending !== null) return 0
    const nowMs = this.#parts.clockMs()
    // If the clock was set back, the wait begins anew.
    this.#fillingMs = Math.min(this.#fillingMs ?? nowMs, nowMs)
    return this.#fillingMs + 1e3 * this.record.fillSeconds - nowMs
  }

  async #nextStream(): Promise<StreamKey | undefined> {
    const isDue = isReached(this.#liveFromMs, this.#parts.clockMs(), FILL_LOOK_MS)
    const hasLive = isDue && (await this.#reader.hasLive())
    const backfills = underWay(this.state)
    if (backfills.length === 0) return hasLive ? LIVE : undefined
    if (hasLive && ++this.#turn % BACKFILL_TURN !== 0) return LIVE
    // The next backfill after the one that had the last turn.
    const next = backfills.find(({ id }) => id > this.#lastBackfill) ?? backfills[0]!
    this.#lastBackfill = next.id
    return next.id
  }

  async #plan(key: StreamKey, { places, events }: Read): Promise<Pending | null> {
    const stream = streamOf(this.state, key)!
    if (stream.pending !== null) return stream.pending
    const number = stream.number + 1
    const sinceMs = this.#parts.clockMs()
    if (key === LIVE) this.#fillingMs = undefined
    const pending = { number, to: places.at(-1)!, sessions: events.length, sinceMs }
    let isSame = true
    await this.#keeper.change((s) => {
      // The backfill may have been stopped meanwhile.
      isSame = streamOf(s, key)?.cursor === stream.cursor && !isStopped(s, key)
      return isSame ? changed(s, key, { pending, number }) : s
    })
    return isSame ? pending : null
  }

  async #attempt(key: StreamKey, read: Read, pending: Pending): Promise<void> {
    const { clockMs } = this.#parts
    const { id, orgId } = this.record
    const from = streamOf(this.state, key)?.cursor.arrival
    const batchId = `${id}.${from}-${pending.to.arrival}.${numberOf(key, pending)}`
    const receiver = this.#tryToOpen()
    if (!('deliver' in receiver)) return this.#note(key, pending, notSent(receiver))
    const signal = this.#stopping.signal
    const { sinceMs } = pending
    const { rows, events, isStale } = read
    const batch = { id: batchId, orgId, sinceMs, rows, events, isStale }
    const done = await deliver(
      { receiver, letters: this.letters, clockMs, signal },
      batch,
      this.state.refusedInRow,
    )
    await this.#note(key, pending, done)
  }

  async #note(key: StreamKey, pending: Pending, done: Delivered): Promise<void> {
    this.#reader.flows(done.outcome.kind === 'delivered')
    await this.#noteOutcome(done, (s) => counting(s, key, pending, done))
  }

  async #noteOutcome(
    { outcome, attempts, refusedInRow }: Delivered,
    work: (state: DestinationState) => DestinationState,
  ): Promise<void> {
    const nowMs = this.#parts.clockMs()
    for (const name of attempts.map(classOf)) this.attempts[name] = (this.attempts[name] ?? 0) + 1
    this.#unsaved = (s) => ({
      ...work(s),
      ...countAttempts(s, attempts, nowMs),
      refusedInRow,
      ...after(s, outcome, nowMs),
    })
    await this.#save()
    if (outcome.kind === 'blocked' || outcome.kind === 'later') this.#say(outcome)
  }

  #say({ kind, status, text }: Outcome & { kind: 'blocked' | 'later' }): void {
    // Log only the first failure in a row; the state shows the later ones.
    if (this.state.failures > 1) return
    const { id: destination, orgId } = this.record
    const what = kind === 'blocked' ? 'a destination is blocked' : 'a destination is away'
    this.#parts.log.warn({ destination, orgId, status, answer: text }, what)
  }

  #receiverOf(): Receiver<EventBody> {
    this.#receiver ??= this.#parts.open(this.record)
    return this.#receiver
  }

  #tryToOpen(): Receiver<EventBody> | Settled {
    try {
      // Pseudonyms have a key, too.
      this.#present([])
      return this.#receiverOf()
    } catch (error) {
      return { kind: 'blocked', status: null, text: shown(messageOf(error)) }
    }
  }
}
