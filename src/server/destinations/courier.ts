/**
 * One destination at work: reads on from its cursors, sends, and notes how far it is.
 *
 *   plan     up to eventsMax sessions and bytesMax bytes behind the cursor; the bounds are durable (Pending)
 *   attempt  one at a time. The same bounds again, under the same id, until they are delivered: also after a crash
 *   note     cursor, counts and the outcome, durable
 *
 * Two streams: what arrives (live), and a backfill of what was there; while both have work, the backfill has each
 * BACKFILL_TURN-th turn. Nothing is held in memory while a receiver is away: a batch is read again for each attempt.
 * What was deleted meanwhile is not sent, and what was corrected comes later, as it is then.
 */

import { messageOf } from '../../base/errors.js'
import type { Logger } from '../../base/log.js'
import { Mutex } from '../store/mutex.js'
import {
  type ArrivalPlace,
  endOfArrival,
  type LogFilter,
  type LogRow,
  type Store,
} from '../store/store.js'
import { countAttempts } from './counts.js'
import { DeadLetters } from './dead-letters.js'
import { type Delivered, deliver } from './delivering.js'
import { type EventWriter, filterOfQuery, testRow } from './events.js'
import type { Receiver } from './kind.js'
import {
  type AttemptClass,
  classOf,
  type Outcome,
  type Settled,
  settled,
  shown,
} from './outcome.js'
import { after, inRange, isBehind, more, newState, notSent } from './progress.js'
import type { DestinationRecord, DestinationRecords, DestinationState, Pending } from './records.js'

const IDLE_MS = 500
/** After a fault of this machine's: a full disk, a busy store. */
const TROUBLE_MS = 5000
const BACKFILL_TURN = 4
/** Commits that are looked through at once: fewer when they have more than is asked for. */
const WINDOW_MAX = 65_536
const WINDOW_FIRST = 64
/** So often a batch that waits to be full is looked at. */
const FILL_LOOK_MS = 5000
/** Of a cursor that moves over what is not asked for. */
const SAVE_EVERY_MS = 10_000

export interface CourierParts {
  readonly store: Pick<Store, 'lastArrival' | 'arrived' | 'countArrived'>
  readonly records: DestinationRecords
  readonly log: Logger
  readonly clockMs: () => number
  /** @throws AppError SECRETS_LOST */
  readonly open: (record: DestinationRecord) => Receiver
  readonly writer: (record: DestinationRecord) => EventWriter
}

type StreamName = 'live' | 'backfill'

interface Read {
  readonly rows: readonly LogRow[]
  readonly places: readonly ArrivalPlace[]
  readonly events: readonly string[]
  /** More would not fit in. */
  readonly isFull: boolean
}

export class Courier {
  readonly record: DestinationRecord
  readonly #parts: CourierParts
  readonly letters: DeadLetters
  readonly #filter: LogFilter
  readonly #write: EventWriter
  #state: DestinationState
  #receiver: Receiver | undefined
  readonly #stopping = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #wake: () => void = () => undefined
  readonly #changes = new Mutex()
  /** Since it began. */
  readonly attempts: Partial<Record<AttemptClass, number>> = {}
  readonly #window = { live: WINDOW_FIRST, backfill: WINDOW_FIRST }
  #turn = 0
  /** Since when a batch waits to be full. */
  #fillingMs: number | undefined
  #savedMs = 0

  constructor(record: DestinationRecord, parts: CourierParts) {
    this.record = record
    this.#parts = parts
    this.#filter = filterOfQuery(record.query)
    this.#write = parts.writer(record)
    this.#state = parts.records.state(record.id) ?? newState(parts.store.lastArrival())
    this.letters = new DeadLetters(record, {
      ...parts,
      write: this.#write,
      receiver: () => this.#open(),
      change: (work) => this.#change(work),
      signal: this.#stopping.signal,
    })
  }

  get state(): DestinationState {
    return this.#state
  }

  start(): void {
    this.#running = this.#run()
  }

  /** What is under way is given up; it is sent again by whoever starts next. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wake()
    await this.#running
    await this.#changes.run(() => Promise.resolve())
    await this.#receiver?.close()
  }

  /** Tries at once, whatever it was waiting for. */
  async hurry(): Promise<void> {
    await this.#change((s) => ({ ...s, nextAttemptMs: 0, refusedInRow: 0 }))
    this.#wake()
  }

  /** Sessions that started in this range and are there already, beside what arrives. */
  async backfill(fromUs: number, toUs: number): Promise<void> {
    const upTo = endOfArrival(this.#parts.store.lastArrival())
    const startedAt = new Date(this.#parts.clockMs()).toISOString()
    const fresh = { fromUs, toUs, upTo, startedAt, endedAt: null, delivered: 0 }
    const start = { cursor: endOfArrival(-1), pending: null }
    await this.#change((s) => {
      const backfill = { ...fresh, ...start, number: s.backfill?.number ?? 0 }
      return { ...s, backfill }
    })
    this.#wake()
  }

  /** One event that is marked as a test. */
  async test(): Promise<Settled> {
    const nowMs = this.#parts.clockMs()
    const row = testRow(this.record.orgId, nowMs * 1e3)
    const outcome = await this.#open().deliver({
      id: `${this.record.id}.test-${nowMs}`,
      orgId: this.record.orgId,
      sinceMs: nowMs,
      events: [this.#write(row, true)],
      rows: [row],
      signal: this.#stopping.signal,
    })
    return settled(outcome)
  }

  /** Sessions that wait, and when the oldest of them ended. */
  waiting(endedBeforeUs?: number): Promise<{ sessions: number; oldestEndUs: number | null }> {
    const last = this.#parts.store.lastArrival()
    const { live } = this.#state
    if (!isBehind(live, last)) return Promise.resolve({ sessions: 0, oldestEndUs: null })
    return this.#parts.store.countArrived(this.record.orgId, {
      filter: this.#filter,
      after: live.cursor,
      upTo: endOfArrival(last),
      ...(endedBeforeUs !== undefined && { endedBeforeUs }),
    })
  }

  /** Before retention deletes what ended before this: what of it waits is lost to the destination. */
  async expiring(endedBeforeUs: number): Promise<void> {
    const { sessions } = await this.waiting(endedBeforeUs)
    if (sessions === 0) return
    await this.#change((s) => ({ ...s, deletedUndelivered: s.deletedUndelivered + sessions }))
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const waitMs = await this.#step().catch(async (error: unknown) => {
        if (!signal.aborted) await this.#noteTrouble(error)
        return TROUBLE_MS
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
    const text = shown(messageOf(error))
    this.#parts.log.warn({ destination, orgId, err: text }, 'a destination waits')
    const at = new Date(this.#parts.clockMs()).toISOString()
    const lastFailure = { at, status: null, text }
    await this.#change((s) => ({ ...s, lastFailure })).catch(() => undefined)
  }

  /** @returns how long to wait before the next */
  async #step(): Promise<number> {
    const { clockMs } = this.#parts
    const waitMs = this.#state.nextAttemptMs - clockMs()
    if (this.record.paused) return SAVE_EVERY_MS
    if (waitMs > 0) return waitMs
    const name = this.#nextStream()
    if (name === undefined) return IDLE_MS
    const read = await this.#read(name)
    if (read === null) return 0
    const fillMs = this.#leftToFill(name, read)
    if (fillMs > 0) return Math.min(fillMs, FILL_LOOK_MS)
    const pending = await this.#plan(name, read)
    if (pending !== null) await this.#attempt(name, read, pending)
    return 0
  }

  /** How long a batch that is not full waits for more; what is pending waits no longer. */
  #leftToFill(name: StreamName, { isFull }: Read): number {
    const { pending } = this.#state[name]!
    if (isFull || name !== 'live' || pending !== null) return 0
    const nowMs = this.#parts.clockMs()
    this.#fillingMs ??= nowMs
    return this.#fillingMs + 1e3 * this.record.fillSeconds - nowMs
  }

  #nextStream(): StreamName | undefined {
    const last = this.#parts.store.lastArrival()
    const { live, backfill } = this.#state
    const hasLive = isBehind(live, last)
    if (backfill === null || backfill.endedAt !== null) return hasLive ? 'live' : undefined
    return hasLive && ++this.#turn % BACKFILL_TURN !== 0 ? 'live' : 'backfill'
  }

  /** What is pending, or could be; null: nothing, and the cursor has moved. */
  async #read(name: StreamName): Promise<Read | null> {
    const { store } = this.#parts
    const { orgId, eventsMax, bytesMax } = this.record
    const stream = this.#state[name]!
    const { cursor, pending } = stream
    const end = name === 'live' ? store.lastArrival() : this.#state.backfill!.upTo.arrival
    const upTo = pending?.to ?? endOfArrival(Math.min(end, cursor.arrival + this.#window[name]))
    const { rows, places } = await store.arrived(orgId, {
      filter: name === 'live' ? this.#filter : inRange(this.#filter, this.#state.backfill!),
      after: cursor,
      upTo,
      limit: pending === null ? eventsMax : pending.sessions + 1,
    })
    if (rows.length === 0) {
      await this.#skip(name, upTo, end)
      return null
    }
    if (pending !== null && rows.length > pending.sessions) {
      // The filter names what the catalog has renamed: other bounds then.
      await this.#change((s) => ({ ...s, [name]: { ...s[name]!, pending: null } }))
      return null
    }
    const isAll = upTo.arrival >= end
    if (pending === null) {
      const window = this.#window[name]
      this.#window[name] = rows.length === eventsMax ? Math.max(1, window >> 1) : widened(window)
      // There may be more to fill it with.
      const isWaiting = this.record.fillSeconds > 0 && rows.length < eventsMax
      if (isWaiting && !isAll && window < WINDOW_MAX) return null
    }
    const events: string[] = []
    let bytes = 0
    for (const row of rows) {
      const event = this.#write(row)
      bytes += Buffer.byteLength(event) + 1
      // One event goes alone, however large it is.
      if (pending === null && events.length > 0 && bytes > bytesMax) break
      events.push(event)
    }
    const { length } = events
    const isFull = rows.length === eventsMax || length < rows.length || !isAll
    return { rows: rows.slice(0, length), places: places.slice(0, length), events, isFull }
  }

  /** Over what is not asked for, or has been deleted; written now and then. */
  async #skip(name: StreamName, to: ArrivalPlace, end: number): Promise<void> {
    this.#window[name] = widened(this.#window[name])
    const nowMs = this.#parts.clockMs()
    const isOver = name === 'backfill' && to.arrival >= end
    const endedAt = isOver ? { endedAt: new Date(nowMs).toISOString() } : {}
    const moved = (s: DestinationState): DestinationState => ({
      ...s,
      [name]: { ...s[name]!, cursor: to, pending: null, ...endedAt },
    })
    const saves =
      isOver || this.#state[name]!.pending !== null || nowMs - this.#savedMs > SAVE_EVERY_MS
    await this.#change(moved, saves)
  }

  async #plan(name: StreamName, { places, events }: Read): Promise<Pending | null> {
    const stream = this.#state[name]!
    if (stream.pending !== null) return stream.pending
    const number = stream.number + 1
    const sinceMs = this.#parts.clockMs()
    this.#fillingMs = undefined
    const pending = { number, to: places.at(-1)!, sessions: events.length, sinceMs }
    let isSame = true
    await this.#change((s) => {
      // Another backfill was asked for meanwhile.
      isSame = s[name]?.cursor === stream.cursor
      return isSame ? { ...s, [name]: { ...s[name]!, pending, number } } : s
    })
    return isSame ? pending : null
  }

  async #attempt(name: StreamName, read: Read, pending: Pending): Promise<void> {
    const { clockMs } = this.#parts
    const { id, orgId } = this.record
    const from = this.#state[name]!.cursor.arrival
    const number = `${name === 'live' ? '' : 'b'}${pending.number}`
    const batchId = `${id}.${from}-${pending.to.arrival}.${number}`
    const receiver = this.#tryToOpen()
    if (!('deliver' in receiver)) return this.#note(name, pending, notSent(receiver))
    const signal = this.#stopping.signal
    const { sinceMs } = pending
    const batch = { id: batchId, orgId, sinceMs, rows: read.rows, events: read.events }
    const done = await deliver(
      { receiver, letters: this.letters, clockMs, signal },
      batch,
      this.#state.refusedInRow,
    )
    await this.#note(name, pending, done)
  }

  async #note(name: StreamName, pending: Pending, done: Delivered): Promise<void> {
    const nowMs = this.#parts.clockMs()
    const { outcome, attempts, delivered, deadLettered, rejected, refusedInRow } = done
    const isOver = outcome.kind === 'delivered'
    for (const name of attempts.map(classOf)) this.attempts[name] = (this.attempts[name] ?? 0) + 1
    await this.#change((s) => {
      const stream = s[name]
      const isSame = stream?.pending?.number === pending.number
      const moved =
        stream !== null && isSame && isOver
          ? { ...stream, cursor: pending.to, pending: null, ...more(stream, delivered) }
          : stream
      return {
        ...s,
        ...countAttempts(s, attempts, nowMs),
        [name]: moved,
        delivered: s.delivered + delivered,
        deadLettered: s.deadLettered + deadLettered,
        rejected: (s.rejected ?? 0) + rejected,
        refusedInRow,
        ...after(s, outcome, nowMs),
      }
    })
    if (outcome.kind === 'blocked' || outcome.kind === 'later') this.#say(outcome)
  }

  #say({ kind, status, text }: Outcome & { kind: 'blocked' | 'later' }): void {
    // The first of a row; the state has the rest.
    if (this.#state.failures > 1) return
    const { id: destination, orgId } = this.record
    const what = kind === 'blocked' ? 'a destination is blocked' : 'a destination is away'
    this.#parts.log.warn({ destination, orgId, status, answer: text }, what)
  }

  #open(): Receiver {
    this.#receiver ??= this.#parts.open(this.record)
    return this.#receiver
  }

  #tryToOpen(): Receiver | Settled {
    try {
      return this.#open()
    } catch (error) {
      return { kind: 'blocked', status: null, text: shown(messageOf(error)) }
    }
  }

  /** Durable when it resolves; one after the other. */
  #change(work: (state: DestinationState) => DestinationState, saves = true): Promise<void> {
    return this.#changes.run(async () => {
      const next = work(this.#state)
      if (saves) {
        await this.#parts.records.putState(this.record.id, next)
        this.#savedMs = this.#parts.clockMs()
      }
      this.#state = next
    })
  }
}

function widened(window: number): number {
  return Math.min(WINDOW_MAX, window * 2)
}
