/** The fragmented datagrams of the twin: which session the later fragments of each belong to. */
import { type Amount, add, nothing } from './amount.js'
import type { Endpoint } from './ip.js'

const FRAGMENT_LIFE_US = 30e6

/** A fragmented datagram: its head is known, or its later fragments wait for it. */
export interface Datagram {
  head: { source: Endpoint; key: string } | 'none' | 'noSession'
  lastFragmentUs: number
  pending: Amount & { payload: number; minUs: number; maxUs: number }
}

export const nothingPending = () => ({
  ...nothing(),
  payload: 0,
  minUs: Number.POSITIVE_INFINITY,
  maxUs: 0,
})

export class Datagrams {
  /** In the order of their latest fragment. */
  readonly #datagrams = new Map<string, Datagram>()
  readonly #max: number
  /** Of datagrams whose later fragments get no session. */
  readonly #givenUp: (fragments: Amount) => void
  /** Datagrams that went out because the table was full. */
  evictions = 0

  constructor(max: number, givenUp: (fragments: Amount) => void) {
    this.#max = max
    this.#givenUp = givenUp
  }

  /** Later fragments whose head has not come yet. */
  get pending(): Amount {
    const sum = nothing()
    for (const datagram of this.#datagrams.values()) add(sum, datagram.pending)
    return sum
  }

  /** The datagram that a fragment belongs to: known, or new. It becomes the latest. */
  latest(id: string, nowUs: number): Datagram {
    let datagram = this.#datagrams.get(id)
    if (datagram !== undefined && nowUs - datagram.lastFragmentUs > FRAGMENT_LIFE_US) {
      this.#forget(id, datagram)
      datagram = undefined
    }
    if (datagram === undefined && this.#datagrams.size >= this.#max) {
      const [oldestId, oldest] = this.#datagrams.entries().next().value!
      this.#forget(oldestId, oldest)
      this.evictions++
    }
    datagram ??= { head: 'none', lastFragmentUs: 0, pending: nothingPending() }
    datagram.lastFragmentUs = nowUs
    this.#datagrams.delete(id)
    this.#datagrams.set(id, datagram)
    return datagram
  }

  /** Forgets those whose latest fragment is too old. */
  expire(limitUs: number): void {
    for (const [id, datagram] of this.#datagrams)
      if (datagram.lastFragmentUs + FRAGMENT_LIFE_US < limitUs) this.#forget(id, datagram)
  }

  /** At the end: no head can come any more. */
  giveUp(): void {
    for (const datagram of this.#datagrams.values()) this.giveUpPending(datagram)
    this.#datagrams.clear()
  }

  #forget(id: string, datagram: Datagram): void {
    this.giveUpPending(datagram)
    this.#datagrams.delete(id)
  }

  giveUpPending(datagram: Datagram): void {
    this.#givenUp(datagram.pending)
    datagram.pending = nothingPending()
  }
}
