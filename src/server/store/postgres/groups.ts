/**
 * Collects the items that wait at one moment into groups, and runs one group after another. A group has at most one item of
 * each key. If a group fails because of its items, each of them is tried alone, so one cannot hold up the others.
 */
import { AppError } from '../../../base/errors.js'

export interface GroupLimits<T> {
  readonly keyOf: (item: T) => string
  readonly sizeOf: (item: T) => number
  readonly itemsMax: number
  /** The most of all sizes of one group, and of all that waits. */
  readonly sizeMax: number
  readonly waitingMax: number
  /** One owner may fill half of what waits. */
  readonly ownerOf: (item: T) => string
}

interface Waiting<T, R> {
  readonly item: T
  readonly resolve: (result: R) => void
  readonly reject: (error: unknown) => void
}

/** Failures that no item causes: another attempt at this moment would fail, too. */
const PASSING = new Set(['STORE_BUSY', 'STORE_FULL', 'STORE_MEMORY', 'STORE_CLOSING'])

export class Groups<T, R> {
  readonly #work: (items: readonly T[]) => Promise<readonly (R | Error)[]>
  readonly #limits: GroupLimits<T>
  #waiting: Waiting<T, R>[] = []
  #size = 0
  readonly #sizes = new Map<string, number>()
  #running: Promise<void> | null = null

  /**
   * @param work resolves to one result for each item, or an error for this item alone; or rejects: then nothing was
   *   done, or it may be repeated
   */
  constructor(
    work: (items: readonly T[]) => Promise<readonly (R | Error)[]>,
    limits: GroupLimits<T>,
  ) {
    this.#work = work
    this.#limits = limits
  }

  /** @throws AppError STORE_BUSY if too much is waiting; and whatever the work throws */
  add(item: T): Promise<R> {
    const { sizeOf, ownerOf, waitingMax } = this.#limits
    const size = sizeOf(item)
    const own = this.#sizes.get(ownerOf(item)) ?? 0
    const isTooMuch = this.#size > 0 && this.#size + size > waitingMax
    if (isTooMuch || (own > 0 && own + size > waitingMax / 2))
      throw new AppError('STORE_BUSY', 'too many sessions are waiting for the database', {
        hint: 'Send them again in a few seconds.',
      })
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      this.#grow(item, size)
      this.#running ??= this.#run()
    })
  }

  /** Resolves when nothing is waiting any more. */
  async close(): Promise<void> {
    while (this.#running !== null) await this.#running
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#next()
      await this.#try(group)
      for (const { item } of group) this.#grow(item, -this.#limits.sizeOf(item))
    }
    // In the same step as the last look at what waits: nothing can come in between.
    this.#running = null
  }

  #grow(item: T, by: number): void {
    const owner = this.#limits.ownerOf(item)
    const own = (this.#sizes.get(owner) ?? 0) + by
    if (own === 0) this.#sizes.delete(owner)
    else this.#sizes.set(owner, own)
    this.#size += by
  }

  #next(): Waiting<T, R>[] {
    const { keyOf, sizeOf, itemsMax, sizeMax } = this.#limits
    const group: Waiting<T, R>[] = []
    const left: Waiting<T, R>[] = []
    const keys = new Set<string>()
    let size = 0
    for (const one of this.#waiting) {
      const key = keyOf(one.item)
      const isFull = group.length >= itemsMax || size + sizeOf(one.item) > sizeMax
      if (keys.has(key) || (group.length > 0 && isFull)) left.push(one)
      else {
        group.push(one)
        size += sizeOf(one.item)
      }
      // Later ones of this key must not go before it.
      keys.add(key)
    }
    this.#waiting = left
    return group
  }

  async #try(group: readonly Waiting<T, R>[]): Promise<void> {
    try {
      const results = await this.#work(group.map(({ item }) => item))
      for (const [i, { resolve, reject }] of group.entries()) {
        const result = results[i]!
        if (result instanceof Error) reject(result)
        else resolve(result)
      }
    } catch (error) {
      const isOfOne = !(error instanceof AppError && PASSING.has(error.code))
      if (isOfOne && group.length > 1) for (const one of group) await this.#try([one])
      else for (const { reject } of group) reject(error)
    }
  }
}
