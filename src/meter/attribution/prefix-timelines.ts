/** The owner of each prefix, by epoch. Each new state is given as a whole; an owner that did not change takes no memory. */
import { PrefixTable } from './prefix-table.js'
import { Timeline } from './timeline.js'

export class PrefixTimelines<T> {
  readonly #table = new PrefixTable<Timeline<T>>()
  readonly #same: (a: T, b: T) => boolean
  /** Those that hold something now, each at its slot: a set of 100,000 costs more than all else here. */
  #held: readonly Timeline<T>[] = []

  constructor(same: (a: T, b: T) => boolean) {
    this.#same = same
  }

  /** Prefixes of the present state. */
  get size(): number {
    return this.#held.length
  }

  /** `fill` adds each prefix of the new state; `merge` gets what the same prefix was given before, in this state. */
  replace(
    epoch: number,
    fill: (add: (prefix: string, merge: (before: T | undefined) => T) => void) => void,
  ): void {
    const next: Timeline<T>[] = []
    const values: T[] = []
    fill((prefix, merge) => {
      this.#table.insert(prefix, (timeline = new Timeline<T>(null, epoch)) => {
        const { slot } = timeline
        if (next[slot] === timeline) values[slot] = merge(values[slot])
        else {
          timeline.slot = next.push(timeline) - 1
          values.push(merge(undefined))
        }
        return timeline
      })
    })
    for (const timeline of this.#held)
      if (next[timeline.slot] !== timeline) timeline.set(null, epoch)
    for (const [i, timeline] of next.entries()) {
      const { latest } = timeline
      const value = values[i]!
      if (latest === null || !this.#same(latest, value)) timeline.set(value, epoch)
    }
    this.#held = next
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
