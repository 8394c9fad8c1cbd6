/**
 * Sends one batch. A refused batch is sent again in halves, until each refused event is alone. That event becomes a
 * dead letter, and the others are delivered.
 *
 * If sessions are deleted meanwhile, the rest of the batch is not sent, because it may hold some of them. The attempt is
 * repeated with what is left in the store.
 *
 * A receiver that refuses everything must not turn the log into dead letters. After REFUSED_IN_ROW_MAX refused events
 * without an accepted one, or when the list of dead letters is full, the destination is blocked instead.
 */
import type { EventBody } from './events.js'
import type { Receiver } from './kind.js'
import type { Outcome, Settled } from './outcome.js'
import type { DeadLetter } from './records.js'
import type { SentRow } from './rows.js'

export const REFUSED_IN_ROW_MAX = 16

export interface Letters {
  /** True: the session is a dead letter already, and the attempt that refused it is being repeated. */
  has(letter: Pick<DeadLetter, 'siteId' | 'sessionId'>): Promise<boolean>
  /** @returns false: the list is full */
  put(letter: DeadLetter): Promise<boolean>
}

export interface Batch {
  readonly id: string
  readonly orgId: string
  readonly sinceMs: number
  readonly rows: readonly SentRow[]
  readonly events: readonly EventBody[]
  /** True if some of the rows may have been deleted since they were read. */
  readonly isStale: () => boolean
}

const STALE: Settled = {
  ...{ kind: 'later', status: null, afterMs: 0 },
  text: 'sessions were deleted meanwhile; the attempt is repeated without them',
}

export interface Delivered {
  readonly outcome: Settled
  readonly attempts: readonly Outcome[]
  readonly delivered: number
  readonly deadLettered: number
  readonly rejected: number
  readonly refusedInRow: number
}

interface Parts {
  readonly receiver: Receiver<EventBody>
  readonly letters: Letters
  readonly clockMs: () => number
  readonly signal: AbortSignal
}

export async function deliver(
  parts: Parts,
  batch: Batch,
  refusedInRow: number,
): Promise<Delivered> {
  const delivering = new Delivering(parts, batch, refusedInRow)
  const outcome = await delivering.send(batch.id, 0, batch.rows.length)
  const { attempts, delivered, deadLettered, rejected } = delivering
  const counts = { delivered, deadLettered, rejected }
  return { outcome, attempts, ...counts, refusedInRow: delivering.refusedInRow }
}

class Delivering {
  readonly attempts: Outcome[] = []
  delivered = 0
  deadLettered = 0
  rejected = 0
  refusedInRow: number
  readonly #parts: Parts
  readonly #batch: Batch

  constructor(parts: Parts, batch: Batch, refusedInRow: number) {
    this.#parts = parts
    this.#batch = batch
    this.refusedInRow = refusedInRow
  }

  async send(id: string, from: number, to: number): Promise<Settled> {
    const { receiver, signal } = this.#parts
    const { orgId, rows, events } = this.#batch
    if (this.#batch.isStale()) return STALE
    const outcome = await receiver.deliver({
      id,
      orgId,
      sinceMs: this.#batch.sinceMs,
      events: events.slice(from, to),
      rows: rows.slice(from, to),
      signal,
    })
    signal.throwIfAborted()
    this.attempts.push(outcome)
    if (outcome.kind === 'delivered') {
      const rejected = Math.min(outcome.rejected?.events ?? 0, to - from)
      this.delivered += to - from - rejected
      this.rejected += rejected
      this.refusedInRow = 0
    }
    if (outcome.kind === 'partly') return this.#setAll(outcome, from, to)
    if (outcome.kind !== 'refused') return outcome
    if (to - from === 1) return this.#set(rows[from]!, outcome)
    const { at } = outcome
    if (at !== undefined && at >= 0 && at < to - from) return this.#around(id, from + at, from, to)
    const middle = (from + to) >> 1
    const first = await this.send(`${id}.0`, from, middle)
    return first.kind === 'delivered' ? this.send(`${id}.1`, middle, to) : first
  }

  /** The receiver named the event at fault. It is sent alone, because the number may be wrong. */
  async #around(id: string, at: number, from: number, to: number): Promise<Settled> {
    const parts = [
      [from, at],
      [at, at + 1],
      [at + 1, to],
    ] as const
    let outcome: Settled = { kind: 'delivered', status: null }
    for (const [i, [first, end]] of parts.entries()) {
      if (first === end) continue
      outcome = await this.send(`${id}.${i}`, first, end)
      if (outcome.kind !== 'delivered') break
    }
    return outcome
  }

  /** Turns the refused events into dead letters and counts the others as delivered. */
  async #setAll(
    { status, refused }: Outcome & { kind: 'partly' },
    from: number,
    to: number,
  ): Promise<Settled> {
    const { rows } = this.#batch
    let next = 0
    for (let i = from; i < to; i++) {
      const one = refused[next]
      if (one === undefined || from + one.at !== i) {
        this.delivered++
        this.refusedInRow = 0
        continue
      }
      next++
      const outcome = await this.#set(rows[i]!, one)
      if (outcome.kind !== 'delivered') return outcome
    }
    return { kind: 'delivered', status }
  }

  async #set(
    { siteId, sessionId }: SentRow,
    { status, text }: { readonly status: number | null; readonly text: string },
  ): Promise<Settled> {
    const { letters, clockMs } = this.#parts
    // A repetition refuses the same ones again. If they counted again, it would end there each time.
    const isNew = !(await letters.has({ siteId, sessionId }))
    if (isNew && this.refusedInRow >= REFUSED_IN_ROW_MAX)
      return blocked(status, `${REFUSED_IN_ROW_MAX} events in a row were refused: ${text}`)
    const at = new Date(clockMs()).toISOString()
    if (!(await letters.put({ siteId, sessionId, at, status, text })))
      return blocked(status, `the list of dead letters is full: ${text}`)
    this.refusedInRow += Number(isNew)
    this.deadLettered += Number(isNew)
    return { kind: 'delivered', status }
  }
}

function blocked(status: number | null, text: string): Settled {
  return { kind: 'blocked', status, text }
}
