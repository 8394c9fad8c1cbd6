/**
 * What the next attempt of a stream is made of: sessions behind its cursor, up to eventsMax and bytesMax. Where there is
 * nothing, the cursor moves.
 *
 * A query costs the same for few rows as for some thousands. So while a destination takes what it is sent, a query reads
 * several attempts' rows, and the next attempts take them from memory (`#ahead`). All destinations together hold at most
 * RowsAhead of them, and one whose receiver is away none.
 */
import {
  type ArrivalPlace,
  endOfArrival,
  type LogFilter,
  type LogRow,
  type Store,
} from '../store/store.js'
import { fitting, type Presenter } from './events.js'
import { changed, filterFor, isBehind, LIVE, type StreamKey, streamOf } from './progress.js'
import type { DestinationRecord } from './records.js'
import type { StateKeeper } from './state-keeper.js'

/** Commits that are looked through at once: fewer when they have more than is asked for. */
const WINDOW_MAX = 65_536
const WINDOW_FIRST = 64
/** Of a cursor that moves over what is not asked for. */
export const SAVE_EVERY_MS = 10_000
/** Beyond those of the attempt, of one query. */
const AHEAD_ROWS_MAX = 8000
/** Of all destinations, about 1 KiB each. */
const ALL_AHEAD_ROWS_MAX = 64_000

/** Shared by all destinations. */
export class RowsAhead {
  #left = ALL_AHEAD_ROWS_MAX

  /** @returns how many of them may be read */
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
  readonly rows: readonly LogRow[]
  readonly places: readonly ArrivalPlace[]
  readonly events: readonly string[]
  /** More would not fit in. */
  readonly isFull: boolean
}

interface Rows {
  readonly rows: readonly LogRow[]
  readonly places: readonly ArrivalPlace[]
  /** There was nothing behind them when they were read. */
  readonly isAll: boolean
}

interface Ahead extends Rows {
  /** The cursor that they are behind: it, and not one that is like it. */
  readonly after: ArrivalPlace
  /** Taken from RowsAhead. */
  readonly held: number
}

interface Parts {
  readonly store: Pick<Store, 'lastArrival' | 'arrived'>
  readonly clockMs: () => number
  readonly filter: LogFilter
  readonly present: Presenter
  readonly keeper: StateKeeper
  readonly rowsAhead: RowsAhead
}

export class BatchReader {
  readonly #record: DestinationRecord
  readonly #parts: Parts
  /** Commits of a stream that are looked through at once. */
  readonly #windows = new Map<StreamKey, number>()
  readonly #ahead = new Map<StreamKey, Ahead>()
  /** The last attempt was delivered. */
  #isFlowing = false
  #forgotten = 0

  constructor(record: DestinationRecord, parts: Parts) {
    this.#record = record
    this.#parts = parts
  }

  /** After each attempt. */
  flows(isDelivered: boolean): void {
    this.#isFlowing = isDelivered
    if (!isDelivered) this.forget()
  }

  /** What is sent next is read anew. */
  forget(): void {
    this.#forgotten++
    for (const key of [...this.#ahead.keys()]) this.#forget(key)
  }

  #forget(key: StreamKey): void {
    this.#parts.rowsAhead.giveBack(this.#ahead.get(key)?.held ?? 0)
    this.#ahead.delete(key)
  }

  /** The last commit that the stream is to read. */
  endOf(key: StreamKey): number {
    const { store, keeper } = this.#parts
    if (key === LIVE) return store.lastArrival()
    return keeper.state.backfills.find(({ id }) => id === key)?.upTo.arrival ?? -1
  }

  /** What is pending, or could be; null: nothing, and the cursor has moved. */
  async next(key: StreamKey): Promise<Read | null> {
    const { cursor, pending } = streamOf(this.#parts.keeper.state, key)!
    const forgotten = this.#forgotten
    const known = pending === null ? this.#takeAhead(key, cursor) : undefined
    const found = known ?? (await this.#find(key))
    if (found === null) return null
    const { places, isAll } = found
    const { eventsMax } = this.#record
    // What is pending has its bounds.
    const most = pending === null ? this.#record : { eventsMax: Infinity, bytesMax: Infinity }
    const { rows, events } = fitting(found.rows, this.#parts.present, most)
    const { length } = events
    // What was forgotten while it was being read is not kept.
    if (pending === null && forgotten === this.#forgotten) this.#keepAhead(key, found, length)
    const isFull = length === eventsMax || length < found.rows.length || !isAll
    return { rows, places: places.slice(0, length), events, isFull }
  }

  /** Undefined: they are to be read. */
  #takeAhead(key: StreamKey, cursor: ArrivalPlace): Rows | undefined {
    const ahead = this.#ahead.get(key)
    this.#forget(key)
    if (ahead?.after !== cursor) return undefined
    // There may be more by now to fill it with.
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

  /** Null: nothing is there, and the cursor has moved, or it is to be looked again. */
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
      // The filter names what the catalog has renamed: other bounds then.
      await keeper.change((s) => changed(s, key, { pending: null }))
      return null
    }
    const isAll = upTo.arrival >= end
    if (pending !== null) return { rows, places, isAll }
    const isEnough = rows.length === limit
    this.#windows.set(key, isEnough ? Math.max(1, window >> 1) : widened(window))
    // There may be more to fill it with.
    const isWaiting = fillSeconds > 0 && rows.length < eventsMax
    if (isWaiting && !isAll && window < WINDOW_MAX) return null
    return { rows, places, isAll: isAll && !isEnough }
  }

  /** Over what is not asked for, or has been deleted; written now and then. */
  async #skip(key: StreamKey, to: ArrivalPlace, end: number): Promise<void> {
    const { keeper, clockMs } = this.#parts
    this.#windows.set(key, widened(this.#windows.get(key) ?? WINDOW_FIRST))
    const nowMs = clockMs()
    const stream = streamOf(keeper.state, key)!
    // Of the last commit there may be more behind what was pending.
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
