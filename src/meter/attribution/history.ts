/**
 * States over time, newest last, bounded: which one held at a moment?
 *
 * A state is known by samples: it was seen first at `fromUs` and last at `seenUs`; the change to the next one
 * happened somewhere between. The first state counts from the beginning of time, since nothing is known against
 * it, until the bound drops it: then moments before the oldest that is left are `lost`.
 */
export interface Held<T> {
  readonly state: T
  readonly fromUs: number
  seenUs: number
  /** The state after it. */
  next: Held<T> | null
}

export class History<T> {
  readonly #max: number
  readonly #held: Held<T>[] = []
  #dropped = 0

  constructor(max: number) {
    this.#max = Math.max(1, max)
  }

  get length(): number {
    return this.#held.length
  }

  /** States that the bound pushed out. */
  get dropped(): number {
    return this.#dropped
  }

  get latest(): T | null {
    return this.#held.at(-1)?.state ?? null
  }

  add(state: T, fromUs: number): void {
    const held: Held<T> = { state, fromUs, seenUs: fromUs, next: null }
    const last = this.#held.at(-1)
    if (last !== undefined) last.next = held
    this.#held.push(held)
    if (this.#held.length > this.#max) {
      this.#held.shift()
      this.#dropped++
    }
  }

  /** The newest state was seen again. */
  confirm(atUs: number): void {
    const last = this.#held.at(-1)
    if (last !== undefined) last.seenUs = Math.max(last.seenUs, atUs)
  }

  /** The state that was last known at this moment; null when there is none at all. */
  at(timeUs: number): Held<T> | 'lost' | null {
    for (let index = this.#held.length - 1; index >= 0; index--) {
      const held = this.#held[index]!
      if (held.fromUs <= timeUs || (index === 0 && this.#dropped === 0)) return held
    }
    return this.#held.length === 0 ? null : 'lost'
  }
}

/**
 * The state after this one, if the change to it may have been before `timeUs` already: this one was not seen any
 * more after that moment.
 */
export function maybeAlready<T>({ next, seenUs }: Held<T>, timeUs: number): T | null {
  return next !== null && seenUs <= timeUs ? next.state : null
}
