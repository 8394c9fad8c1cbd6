/**
 * Reads the sessions for the next attempt of a stream: those after its cursor, up to eventsMax and bytesMax. If there
 * are none, the cursor moves on.
 *
 * A query for a few rows costs as much as one for a few thousand. While attempts succeed, one query therefore reads the
 * rows of several attempts, and the next attempts take them from memory (`#ahead`). RowsAhead limits these rows for all
 * destinations together. A destination whose last attempt failed holds none.
 */
import { type ArrivalPlace, endOfArrival, type LogFilter } from '../store/store.js'
import { type EventBody, fitting, type Presenter } from './events.js'
import { changed, filterFor, isBehind, LIVE, type StreamKey, streamOf } from './progress.js'
import type { DestinationRecord } from './records.js'
import type { RowSource, SentRow } from './rows.js'
import type { StateKeeper } from './state-keeper.js'

/** Commits that one query looks through. The window halves when they hold more rows than the query may return. */
const WINDOW_MAX = 65_536
const WINDOW_FIRST = 64
/** A cursor that only passes sessions outside the filter is saved this often. */
export const SAVE_EVERY_MS = 10_000
/** Rows that one query may read in addition to those of the attempt. */
const AHEAD_ROWS_MAX = 8000
/** Rows that all destinations together may hold, about 1 KiB each. */
const ALL_AHEAD_ROWS_MAX = 64_000

/** The rows that may still be read ahead. All destinations share it. */
export class RowsAhead {
  #left = ALL_AHEAD_ROWS_MAX

  /** @returns how many of these rows the caller may hold */
  take(rows: number): number {
    const taken = Math.min(rows, this.#left)
    this.#left -= taken
    return taken
  }

  giveBack(rows: number): void {
    this.#left += rows
  }
}

export interface Read {
  readonly rows: readonly SentRow[]
  readonly places: readonly ArrivalPlace[]
  readonly events: readonly EventBody[]
  /** The attempt reached its limits, or more sessions follow. */
  readonly isFull: boolean
  /** True once forget() was called: some of these sessions may have been deleted. */
  readonly isStale: () => boolean
}

interface Rows {
  readonly rows: readonly SentRow[]
  readonly places: readonly ArrivalPlace[]
  /** No further sessions followed when these were read. */
  readonly isAll: boolean
}

interface Ahead extends Rows {
  /** The cursor that these rows follow, compared by identity. */
  readonly after: ArrivalPlace
  /** The number of rows taken from RowsAhead. */
  readonly held: number
}

interface Parts {
  readonly store: Pick<RowSource, 'lastArrival' | 'arrived'>
  readonly clockMs: () => number
  readonly filter: LogFilter
  readonly present: Presenter
  readonly keeper: StateKeeper
  readonly rowsAhead: RowsAhead
}

export class BatchReader {
  readonly #record: DestinationRecord
  readonly #parts: Parts
  /** The number of commits that one query looks through, by stream. */
  readonly #windows = new Map<StreamKey, number>()
  readonly #ahead = new Map<StreamKey, Ahead>()
  /** True if the last attempt was delivered. */
  #isFlowing = false
  #forgotten = 0

  constructor(record: DestinationRecord, parts: Parts) {
    this.#record = record
    this.#parts = parts
  }

  /** Call it after each attempt. */
  flows(isDelivered: boolean): void {
    this.#isFlowing = isDelivered
    if (!isDelivered) this.forget()
  }

  /** How often forget() was called. */
  get forgotten(): number {
    return this.#forgotten
  }

  /** Drops the rows read ahead, so that the next attempt queries the store. */
  forget(): void {
    this.#forgotten++
    for (const key of [...this.#ahead.keys()]) this.#forget(key)
  }

  #forget(key: StreamKey): void {
    this.#parts.rowsAhead.giveBack(this.#ahead.get(key)?.held ?? 0)
    this.#ahead.delete(key)
  }

  /**
   * False: nothing of the organisation has arrived since the cursor. The cursor then passes the commits of others
   * without a query, because each query costs the others CPU, and a later one would have to look through them.
   */
  async hasLive(): Promise<boolean> {
    const { store, keeper, clockMs } = this.#parts
    if (isBehind(keeper.state.live, store.lastArrival(this.#record.orgId))) return true
    const last = store.lastArrival()
    if (isBehind(keeper.state.live, last) && clockMs() - keeper.savedMs > SAVE_EVERY_MS)
      await keeper.change((s) => changed(s, LIVE, { cursor: endOfArrival(last) }))
    return false
  }

  /** The last commit that the stream reads. */
  endOf(key: StreamKey): number {
    const { store, keeper } = this.#parts
    if (key === LIVE) return store.lastArrival()
    return keeper.state.backfills.find(({ id }) => id === key)?.upTo.arrival ?? -1
  }

  /**
   * The pending attempt again, or a new one. Null: nothing to send yet. The cursor, the query window or the bounds have
   * changed, so the caller asks again.
   */
  async next(key: StreamKey): Promise<Read | null> {
    const { cursor, pending } = streamOf(this.#parts.keeper.state, key)!
    const forgotten = this.#forgotten
    const known = pending === null ? this.#takeAhead(key, cursor) : undefined
    const found = known ?? (await this.#find(key))
    if (found === null) return null
    const { places, isAll } = found
    const { eventsMax } = this.#record
    // A pending attempt keeps its bounds, even if eventsMax or bytesMax has changed since.
    const most = pending === null ? this.#record : { eventsMax: Infinity, bytesMax: Infinity }
    const { rows, events } = fitting(found.rows, this.#parts.present, most)
    const { length } = events
    // Rows that forget() dropped during the read must not be kept.
    if (pending === null && forgotten === this.#forgotten) this.#keepAhead(key, found, length)
    const isFull = length === eventsMax || length < found.rows.length || !isAll
    const isStale = () => forgotten !== this.#forgotten
    return { rows, places: places.slice(0, length), events, isFull, isStale }
  }

  /** Undefined: query the store. */
  #takeAhead(key: StreamKey, cursor: ArrivalPlace): Rows | undefined {
    const ahead = this.#ahead.get(key)
    this.#forget(key)
    if (ahead?.after !== cursor) return undefined
    // More sessions may have arrived to fill the batch.
    const isWaiting = this.#record.fillSeconds > 0 && ahead.rows.length < this.#record.eventsMax
    return isWaiting ? undefined : ahead
  }

  #keepAhead(key: StreamKey, { rows, places, isAll }: Rows, taken: number): void {
    this.#forget(key)
    const held = this.#isFlowing ? this.#parts.rowsAhead.take(rows.length - taken) : 0
    if (held === 0) return
    const [first, end] = [taken, taken + held]
    this.#ahead.set(key, {
      ...{ after: places[taken - 1]!, held },
      rows: rows.slice(first, end),
      places: places.slice(first, end),
      isAll: isAll && end === rows.length,
    })
  }

  /**
   * Null: nothing was found and the cursor has moved, or the window or the bounds changed and the caller asks again.
   */
  async #find(key: StreamKey): Promise<Rows | null> {
    const { store, keeper, filter } = this.#parts
    const { orgId, eventsMax, fillSeconds } = this.#record
    const { cursor, pending } = streamOf(keeper.state, key)!
    const end = this.endOf(key)
    const window = this.#windows.get(key) ?? WINDOW_FIRST
    const upTo = pending?.to ?? endOfArrival(Math.min(end, cursor.arrival + window))
    const most = eventsMax + (this.#isFlowing ? AHEAD_ROWS_MAX : 0)
    const limit = pending === null ? most : pending.sessions + 1
    const { rows, places } = await store.arrived(orgId, {
      filter: filterFor(keeper.state, key, filter),
      ...{ after: cursor, upTo, limit },
    })
    if (rows.length === 0) {
      await this.#skip(key, upTo, end)
      return null
    }
    if (pending !== null && rows.length > pending.sessions) {
      // A rename in the catalog can make the filter match more sessions. The attempt then needs new bounds.
      await keeper.change((s) => changed(s, key, { pending: null }))
      return null
    }
    const isAll = upTo.arrival >= end
    if (pending !== null) return { rows, places, isAll }
    const isEnough = rows.length === limit
    this.#windows.set(key, isEnough ? Math.max(1, window >> 1) : widened(window))
    // A larger window may find more sessions to fill the batch.
    const isWaiting = fillSeconds > 0 && rows.length < eventsMax
    if (isWaiting && !isAll && window < WINDOW_MAX) return null
    return { rows, places, isAll: isAll && !isEnough }
  }

  /**
   * Moves the cursor over sessions that the filter excludes or that were deleted. Such moves are saved every
   * SAVE_EVERY_MS (10 s). The end of a backfill, or of a pending attempt, is saved at once.
   */
  async #skip(key: StreamKey, to: ArrivalPlace, end: number): Promise<void> {
    const { keeper, clockMs } = this.#parts
    this.#windows.set(key, widened(this.#windows.get(key) ?? WINDOW_FIRST))
    const nowMs = clockMs()
    const stream = streamOf(keeper.state, key)!
    // The last commit may hold more sessions after a pending attempt.
    const isOver = key !== LIVE && !isBehind({ ...stream, cursor: to, pending: null }, end)
    if (isOver) this.#windows.delete(key)
    const endedAt = isOver ? { endedAt: new Date(nowMs).toISOString() } : {}
    const saves = isOver || stream.pending !== null || nowMs - keeper.savedMs > SAVE_EVERY_MS
    await keeper.change((s) => changed(s, key, { cursor: to, pending: null, ...endedAt }), saves)
  }
}

function widened(window: number): number {
  return Math.min(WINDOW_MAX, window * 2)
}
