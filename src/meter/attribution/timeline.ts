/**
 * One value by epoch: the present value, its first epoch, and the past values. Most values never change, so they take no
 * list.
 *
 * Epochs only grow. Before the first value there is none (null).
 */
interface Past<T> {
  readonly from: number
  readonly value: T | null
}

export class Timeline<T> {
  /** Index of this timeline in the list of the last state that gave it a value. The owner of that list sets it. */
  slot = 0
  #value: T | null
  #from: number
  /** Past values, ascending by epoch. */
  #past: Past<T>[] = NONE

  constructor(value: T | null, from: number) {
    this.#value = value
    this.#from = from
  }

  get latest(): T | null {
    return this.#value
  }

  /** Number of past values that are remembered. */
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

  /** The first value that began after this epoch. */
  firstAfter(epoch: number): T | null {
    for (let i = this.#indexAt(epoch) + 1; i < this.#past.length; i++) {
      const { value } = this.#past[i]!
      if (value !== null) return value
    }
    return this.#from > epoch ? this.#value : null
  }

  /** Call when nobody asks for earlier epochs any more. @returns whether there was a value since this epoch */
  forgetBefore(epoch: number): boolean {
    const keep = epoch >= this.#from ? this.#past.length : Math.max(0, this.#indexAt(epoch))
    if (keep > 0) this.#past = keep === this.#past.length ? NONE : this.#past.slice(keep)
    return this.#value !== null || this.#past !== NONE
  }

  /** Index of the past value at this epoch; -1 if there was none yet. */
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
