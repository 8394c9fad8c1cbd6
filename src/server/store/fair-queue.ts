/**
 * Shares a bounded number of slots (connections, exports) fairly among organisations.
 *
 * An organisation may hold as many as stay free afterwards. Of six slots, one organisation alone holds three, a second
 * one one more, and one is left for a third. So slow queries of an organisation delay its own queries, not those of
 * others. A free slot goes to the waiting organisation with the fewest slots; among equals, to the one that has waited
 * longest.
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
  /** Slots. */
  readonly total: number
  /** Most waiting callers: of one organisation, and of all. */
  readonly orgWaiting: number
  readonly waiting: number
}

export class FairQueue {
  readonly #limits: FairLimits
  readonly #held = new Map<string, number>()
  #used = 0
  /** In order of arrival. */
  #waiting: Waiting[] = []

  constructor(limits: FairLimits) {
    this.#limits = limits
  }

  /**
   * Resolves when the organisation has a slot; then release() must follow.
   * @returns undefined if too many callers wait already
   * @param signal aborts the waiting
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
