/** Exponential backoff with jitter (AWS "equal jitter"), because meters must not return to a server all at once. */

export interface BackoffLimits {
  readonly firstMs: number
  readonly lastMs: number
}

export const BACKOFF: BackoffLimits = { firstMs: 500, lastMs: 60_000 }

export class Backoff {
  readonly #limits: BackoffLimits
  readonly #random: () => number
  #failures = 0

  constructor(limits: BackoffLimits = BACKOFF, random: () => number = Math.random) {
    this.#limits = limits
    this.#random = random
  }

  get failures(): number {
    return this.#failures
  }

  /** Milliseconds until the next try: from half of the step to all of it, and so never 0. */
  next(): number {
    const { firstMs, lastMs } = this.#limits
    const step = Math.min(lastMs, firstMs * 2 ** Math.min(this.#failures, 30))
    this.#failures++
    return Math.round(step / 2 + (this.#random() * step) / 2)
  }

  reset(): void {
    this.#failures = 0
  }
}
