/**
 * A bounded number of things that organisations use at one time, and who gets the next.
 *
 * One organisation may hold as many as are left after it: of six, one alone holds three, the next one, and there is
 * always one for a third. So an organisation's slow queries keep its own waiting, and nobody else's. What becomes free
 * goes to the organisation that holds fewest and may hold more; of several, to the one that waits longest.
 */

/** Whether an organisation that holds `mine` of `total`, of which `used` are in use, may take one more. */
export function mayTake(total: number, used: number, mine: number): boolean {
  return mine + 1 <= total - used - 1 || (mine === 0 && used < total)
}

interface Waiting {
  readonly orgId: string
  readonly begin: () => void
}

export interface FairLimits {
  /** In use at one time. */
  readonly total: number
  /** Waiting: of one organisation, and of all. */
  readonly orgWaiting: number
  readonly waiting: number
}

export class FairQueue {
  readonly #limits: FairLimits
  readonly #held = new Map<string, number>()
  #used = 0
  /** In the order of their coming. */
  #waiting: Waiting[] = []

  constructor(limits: FairLimits) {
    this.#limits = limits
  }

  /**
   * Resolves when the organisation may use one; then release() must follow.
   * @returns undefined when too many wait already
   * @param signal ends the waiting
   */
  take(orgId: string, signal?: AbortSignal): Promise<void> | undefined {
    if (this.#may(orgId)) {
      this.#hold(orgId)
      return Promise.resolve()
    }
    const { orgWaiting, waiting } = this.#limits
    const own = this.#waiting.filter((one) => one.orgId === orgId).length
    if (own >= orgWaiting || this.#waiting.length >= waiting) return undefined
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting = this.#waiting.filter((one) => one !== place)
        reject(signal!.reason as Error)
      }
      const begin = () => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      const place = { orgId, begin }
      this.#waiting.push(place)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }

  release(orgId: string): void {
    this.#used--
    const left = this.#held.get(orgId)! - 1
    if (left > 0) this.#held.set(orgId, left)
    else this.#held.delete(orgId)
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.#waiting.splice(this.#waiting.indexOf(next), 1)
      this.#hold(next.orgId)
      next.begin()
    }
  }

  #next(): Waiting | undefined {
    let best: Waiting | undefined
    for (const one of this.#waiting) {
      if (!this.#may(one.orgId)) continue
      if (best === undefined || this.#mine(one.orgId) < this.#mine(best.orgId)) best = one
    }
    return best
  }

  #may(orgId: string): boolean {
    return mayTake(this.#limits.total, this.#used, this.#mine(orgId))
  }

  #mine(orgId: string): number {
    return this.#held.get(orgId) ?? 0
  }

  #hold(orgId: string): void {
    this.#used++
    this.#held.set(orgId, this.#mine(orgId) + 1)
  }
}
