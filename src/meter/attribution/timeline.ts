/**
 * One value over epochs: since when it holds, and what held before. Most values never change and take no list.
 *
 * Epochs only grow. Before the first one there is nothing (null).
 */
interface Past<T> {
  readonly from: number
  readonly value: T | null
}

export class Timeline<T> {
  /** Where it is in the list of the state that it was given in last; of whoever keeps that list. */
  slot = 0
  #value: T | null
  #from: number
  /** Ascending; all before the present one. */
  #past: Past<T>[] = NONE

  constructor(value: T | null, from: number) {
    this.#value = value
    this.#from = from
  }

  get latest(): T | null {
    return this.#value
  }

  /** Values that are remembered besides the present one. */
  get pastCount(): number {
    return this.#past.length
  }

  set(value: T | null, from: number): void {
    if (value === this.#value) return
    if (from > this.#from) {
      if (this.#past === NONE) this.#past = []
      this.#past.push({ from: this.#from, value: this.#value })
      this.#from = from
    }
    this.#value = value
  }

  at(epoch: number): T | null {
    if (epoch >= this.#from) return this.#value
    return this.#past[this.#indexAt(epoch)]?.value ?? null
  }

  /** The first value that came after this epoch. */
  firstAfter(epoch: number): T | null {
    for (let i = this.#indexAt(epoch) + 1; i < this.#past.length; i++) {
      const { value } = this.#past[i]!
      if (value !== null) return value
    }
    return this.#from > epoch ? this.#value : null
  }

  /** Nobody asks for epochs before this one any more. @returns whether it has held anything since */
  forgetBefore(epoch: number): boolean {
    const keep = epoch >= this.#from ? this.#past.length : Math.max(0, this.#indexAt(epoch))
    if (keep > 0) this.#past = keep === this.#past.length ? NONE : this.#past.slice(keep)
    return this.#value !== null || this.#past !== NONE
  }

  /** Of the past value that held then; -1: there was none yet. */
  #indexAt(epoch: number): number {
    let low = -1
    let high = this.#past.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#past[middle]!.from <= epoch) low = middle
      else high = middle - 1
    }
    return low
  }
}

const NONE: never[] = []
