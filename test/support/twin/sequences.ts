/**
 * Which sequence numbers of one direction have been seen, as ranges on a line without wrap: what comes again is what lies in
 * one of them. Numbers before the first one seen count as seen.
 */
import { FIN, RST, SYN } from './tcp-state.js'

interface Numbered {
  readonly flags: number | null
  readonly payload: number
  readonly tcpSequence: number
}

/** What its direction had before it. */
interface Before {
  readonly payload: number
  readonly flags: number
  /** False: both ends are the same, and two streams are mixed here. */
  readonly oneStream: boolean
}

/** More gaps are not remembered, nor older ones: no TCP window is larger. */
const RANGES_MAX = 7
const WINDOW = 2 ** 30

export class Sequences {
  segments = 0
  octets = 0
  /** Rising, apart; the first goes back for ever. */
  #seen: [from: number, to: number][] = []

  take({ flags, payload, tcpSequence }: Numbered, had: Before): void {
    if (flags === null || flags & RST) return
    const [syn, fin] = [(flags & SYN) !== 0, (flags & FIN) !== 0]
    const count = payload + Number(syn) + Number(fin)
    if (count === 0) return
    if (this.#seen.length === 0) {
      this.#beginAt(tcpSequence + count)
      return
    }
    const from = this.#next + ((tcpSequence - modulo32(this.#next)) | 0)
    const to = from + count
    const away = from - this.#next
    const another = syn && had.payload === 0 && away !== -1
    if (another || !had.oneStream) {
      this.#beginAt(to)
      return
    }
    if (syn && (!(had.flags & SYN) || away >= 0 || away < -WINDOW)) return
    if (Math.abs(away) > WINDOW || count > WINDOW) {
      this.#beginAt(to)
      return
    }
    const again = this.#known(from, to)
    const flagsAgain = (syn ? this.#known(from, from + 1) : 0) + (fin ? this.#known(to - 1, to) : 0)
    const keepAlive = payload === 1 && !syn && !fin && away === -1
    this.octets += again - flagsAgain
    if (again > 0 && !keepAlive) this.segments++
    this.#see(from, to)
  }

  /** How many of these numbers were seen. */
  #known(from: number, to: number): number {
    return this.#seen.reduce(
      (sum, [a, b]) => sum + Math.max(0, Math.min(b, to) - Math.max(a, from)),
      0,
    )
  }

  /** The number after the highest seen; null: none was. */
  get next(): number | null {
    return this.#seen.at(-1)?.[1] ?? null
  }

  /** As a TCP header says it. */
  get next32(): number | null {
    return this.next === null ? null : modulo32(this.next)
  }

  get #next(): number {
    return this.#seen.at(-1)![1]
  }

  #beginAt(next: number): void {
    this.#seen = [[Number.NEGATIVE_INFINITY, next]]
  }

  #see(from: number, to: number): void {
    const apart = this.#seen.filter(([a, b]) => b < from || a > to)
    const touched = this.#seen.filter(([a, b]) => b >= from && a <= to)
    const merged: [number, number] = [
      Math.min(from, ...touched.map(([a]) => a)),
      Math.max(to, ...touched.map(([, b]) => b)),
    ]
    this.#seen = [...apart, merged].sort(([a], [b]) => a - b)
    while (this.#seen.length > 1) {
      const gapFrom = this.#seen[0]![1]
      const tooMany = this.#seen.length > RANGES_MAX
      if (!tooMany && this.#next - gapFrom <= WINDOW) break
      const [, [, end]] = this.#seen as [[number, number], [number, number]]
      this.#seen.splice(0, 2, [Number.NEGATIVE_INFINITY, end])
    }
  }
}

function modulo32(n: number): number {
  return ((n % 2 ** 32) + 2 ** 32) % 2 ** 32
}
