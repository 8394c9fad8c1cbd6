/**
 * Reports open sessions to a destination that asks for them. Every openSeconds a round reports all sessions that are
 * open then, with their counts so far. Each page of a round is one attempt.
 *
 * The next round, or the end of the session, supersedes a report. Rounds are therefore not durable: after a failed
 * attempt or a restart of the server, the rest of the round is not sent.
 */
import type { LogFilter, LogRow, Position, Store } from '../store/store.js'
import { type EventBody, fitting, type Presenter } from './events.js'
import { isReached } from './outcome.js'
import type { DestinationRecord } from './records.js'
import type { SentRow } from './rows.js'

interface Parts {
  readonly store: Pick<Store, 'page'>
  readonly clockMs: () => number
  readonly filter: LogFilter
  readonly present: Presenter
  readonly signal: AbortSignal
}

export interface OpenBatch {
  readonly id: string
  readonly sinceMs: number
  readonly rows: readonly SentRow[]
  readonly events: readonly EventBody[]
}

interface Round {
  readonly sinceMs: number
  readonly number: number
  readonly after: Position | undefined
}

export class OpenReports {
  readonly #record: DestinationRecord
  readonly #parts: Parts
  #round: Round | undefined
  #dueMs = 0

  constructor(record: DestinationRecord, parts: Parts) {
    this.#record = record
    this.#parts = parts
  }

  get isDue(): boolean {
    const { openSeconds = 0 } = this.#record
    if (openSeconds === 0) return false
    if (this.#round !== undefined) return true
    return isReached(this.#dueMs, this.#parts.clockMs(), 1e3 * openSeconds)
  }

  /** The next page of the round. Null: the round is over. */
  async next(): Promise<OpenBatch | null> {
    const { store, clockMs, filter, present, signal } = this.#parts
    const { id, orgId, eventsMax, openSeconds = 0 } = this.#record
    this.#round ??= { sinceMs: clockMs(), number: 1, after: undefined }
    const { sinceMs, number, after } = this.#round
    this.#dueMs = sinceMs + 1e3 * openSeconds
    const page = {
      ...{ filter: { ...filter, state: 'open' as const }, limit: eventsMax, offset: 0 },
      sort: { key: 'startTime' as const, descending: false },
      ...(after !== undefined && { after }),
    }
    const found = (await store.page(orgId, page, { signal })).rows
    const { rows, events } = fitting(found, present, this.#record)
    const last: LogRow | undefined = found[rows.length - 1]
    this.#round = last && {
      ...{ sinceMs, number: number + 1 },
      after: { value: last.startTimeUs, sessionId: last.sessionId },
    }
    if (last === undefined) return null
    return { id: `${id}.open-${sinceMs}-${number}`, sinceMs, rows, events }
  }

  giveUp(): void {
    this.#round = undefined
  }
}
