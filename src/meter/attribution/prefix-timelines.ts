/** The value of each prefix, by epoch. Each new state is given whole; a value that did not change takes no more memory. */
import { PrefixTable } from './prefix-table.js'
import { Timeline } from './timeline.js'

export class PrefixTimelines<T> {
  readonly #table = new PrefixTable<Timeline<T>>()
  readonly #same: (a: T, b: T) => boolean
  /** The timelines that have a value now, each at its slot. Not a set: one of 100,000 costs more than all else here. */
  #held: readonly Timeline<T>[] = []

  constructor(same: (a: T, b: T) => boolean) {
    this.#same = same
  }

  /** Prefixes of the present state. */
  get size(): number {
    return this.#held.length
  }

  /** `fill` adds each prefix of the new state; `merge` gets the value that `fill` already gave the same prefix. */
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

  /** The first answer that is not null, from the longest prefix that holds the address to the widest. */
  firstMatch<R>(ip: string, answer: (timeline: Timeline<T>) => R | null): R | null {
    return this.#table.firstMatch(ip, answer)
  }

  /** @returns how many past values are left */
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
