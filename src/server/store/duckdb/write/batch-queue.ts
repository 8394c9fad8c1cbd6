/**
 * Batches that wait for the writer, in the order in which they came, until each is told what became of it.
 *
 * Limit: QUEUE_SESSIONS_MAX sessions that were not told about, those that are just being written among them; beyond it
 * STORE_BUSY. A batch is never refused by an empty queue, be it as large as it may.
 */
import { AppError } from '../../../../base/errors.js'
import type { WriteReceipt } from '../../store.js'
import type { SiteBatch } from './group-commit.js'

export const QUEUE_SESSIONS_MAX = 200_000

export interface Waiting {
  readonly given: SiteBatch
  readonly done: (receipt: WriteReceipt) => void
  readonly failed: (error: unknown) => void
}

export class BatchQueue {
  readonly #waiting: Waiting[] = []
  /** Those that were taken, and not told, too. */
  #sessions = 0

  get batches(): number {
    return this.#waiting.length
  }

  get sessions(): number {
    return this.#sessions
  }

  /** @throws AppError STORE_BUSY */
  assertRoomFor(sessions: number): void {
    if (this.#sessions === 0 || this.#sessions + sessions <= QUEUE_SESSIONS_MAX) return
    throw new AppError('STORE_BUSY', 'the store is behind', {
      hint: 'Send the batch again in a few seconds.',
    })
  }

  /** Settles as succeed() or fail() says. */
  add(given: SiteBatch): Promise<WriteReceipt> {
    return new Promise((done, failed) => {
      this.#waiting.push({ given, done, failed })
      this.#sessions += given.sessions.length
    })
  }

  /** @param batchesMin at least so many, if there are, be they as large as they may */
  take(sessionsMax: number, batchesMin: 0 | 1): Waiting[] {
    const sizeOf = ({ given }: Waiting) => given.sessions.length
    return this.#waiting.splice(0, countUpTo(this.#waiting, sizeOf, sessionsMax, batchesMin))
  }

  /** They are the first again. */
  putBack(group: readonly Waiting[]): void {
    this.#waiting.unshift(...group)
  }

  /** @param receipts one for each */
  succeed(group: readonly Waiting[], receipts: readonly WriteReceipt[]): void {
    for (const [i, { done }] of group.entries()) done(receipts[i]!)
    this.#forget(group)
  }

  fail(group: readonly Waiting[], error: unknown): void {
    for (const { failed } of group) failed(error)
    this.#forget(group)
  }

  #forget(group: readonly Waiting[]): void {
    for (const { given } of group) this.#sessions -= given.sessions.length
  }
}

/** How many of them, from the first, have so many sessions at most; looks no further than that. */
export function countUpTo<T>(
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
