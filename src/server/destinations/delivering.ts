/**
 * One batch on its way: sent whole, and when it is refused, in halves, until the events that are refused are alone. Those
 * become dead letters, and the others are delivered.
 *
 * A receiver that refuses everything must not turn the log into dead letters: after REFUSED_IN_ROW_MAX without one that
 * was taken, and when the list is full, the destination is blocked instead.
 */
import type { LogRow } from '../store/store.js'
import type { Receiver } from './kind.js'
import type { Outcome } from './outcome.js'
import type { DeadLetter } from './records.js'

export const REFUSED_IN_ROW_MAX = 16

export interface Letters {
  /** @returns false: there is no room */
  put(letter: DeadLetter): Promise<boolean>
}

export interface Batch {
  readonly id: string
  readonly orgId: string
  readonly sinceMs: number
  readonly rows: readonly LogRow[]
  readonly events: readonly string[]
}

export interface Delivered {
  readonly outcome: Outcome
  readonly attempts: readonly Outcome[]
  readonly delivered: number
  readonly deadLettered: number
  readonly refusedInRow: number
}

interface Parts {
  readonly receiver: Receiver
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
  const { attempts, delivered, deadLettered } = delivering
  return { outcome, attempts, delivered, deadLettered, refusedInRow: delivering.refusedInRow }
}

class Delivering {
  readonly attempts: Outcome[] = []
  delivered = 0
  deadLettered = 0
  refusedInRow: number
  readonly #parts: Parts
  readonly #batch: Batch

  constructor(parts: Parts, batch: Batch, refusedInRow: number) {
    this.#parts = parts
    this.#batch = batch
    this.refusedInRow = refusedInRow
  }

  async send(id: string, from: number, to: number): Promise<Outcome> {
    const { receiver, signal } = this.#parts
    const { orgId, rows, events } = this.#batch
    const outcome = await receiver.deliver({
      id,
      orgId,
      sinceMs: this.#batch.sinceMs,
      events: events.slice(from, to),
      endsUs: rows.slice(from, to).map(({ endTimeUs }) => endTimeUs),
      signal,
    })
    signal.throwIfAborted()
    this.attempts.push(outcome)
    if (outcome.kind === 'delivered') {
      this.delivered += to - from
      this.refusedInRow = 0
    }
    if (outcome.kind !== 'refused') return outcome
    if (to - from === 1) return this.#set(rows[from]!, outcome)
    const middle = (from + to) >> 1
    const first = await this.send(`${id}.0`, from, middle)
    return first.kind === 'delivered' ? this.send(`${id}.1`, middle, to) : first
  }

  async #set(
    { siteId, sessionId }: LogRow,
    { status, text }: Outcome & { kind: 'refused' },
  ): Promise<Outcome> {
    if (this.refusedInRow >= REFUSED_IN_ROW_MAX)
      return blocked(status, `${REFUSED_IN_ROW_MAX} events in a row were refused: ${text}`)
    const at = new Date(this.#parts.clockMs()).toISOString()
    if (!(await this.#parts.letters.put({ siteId, sessionId, at, status, text })))
      return blocked(status, `the list of dead letters is full: ${text}`)
    this.refusedInRow++
    this.deadLettered++
    return { kind: 'delivered', status }
  }
}

function blocked(status: number | null, text: string): Outcome {
  return { kind: 'blocked', status, text }
}
