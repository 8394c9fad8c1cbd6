/** The owner of each prefix, by epoch. Each new state is given as a whole; an owner that did not change takes no memory. */
import { PrefixTable } from './prefix-table.js'
import { Timeline } from './timeline.js'

export class PrefixTimelines<T> {
  readonly #table = new PrefixTable<Timeline<T>>()
  readonly #same: (a: T, b: T) => boolean
  /** Those that hold something now. */
  #held: ReadonlySet<Timeline<T>> = new Set()

  constructor(same: (a: T, b: T) => boolean) {
    this.#same = same
  }

  /** Prefixes of the present state. */
  get size(): number {
    return this.#held.size
  }

  /** `fill` adds each prefix of the new state; `merge` gets what the same prefix was given before, in this state. */
  replace(
    epoch: number,
    fill: (add: (prefix: string, merge: (before: T | undefined) => T) => void) => void,
  ): void {
    const next = new Map<Timeline<T>, T>()
    fill((prefix, merge) => {
      this.#table.insert(prefix, (timeline = new Timeline<T>(null, epoch)) => {
        next.set(timeline, merge(next.get(timeline)))
        return timeline
      })
    })
    for (const timeline of this.#held) if (!next.has(timeline)) timeline.set(null, epoch)
    for (const [timeline, value] of next) {
      const { latest } = timeline
      if (latest === null || !this.#same(latest, value)) timeline.set(value, epoch)
    }
    this.#held = new Set(next.keys())
  }

  /** From the longest prefix that holds the address to the widest: the first answer that is not null. */
  firstMatch<R>(ip: string, answer: (timeline: Timeline<T>) => R | null): R | null {
    return this.#table.firstMatch(ip, answer)
  }

  /** @returns how many values besides the present ones are left */
  forgetBefore(epoch: number): number {
    let past = 0
    this.#table.keepOnly((timeline) => {
      const stays = timeline.forgetBefore(epoch)
      past += timeline.pastCount
      return stays
    })
    return past
  }
}
