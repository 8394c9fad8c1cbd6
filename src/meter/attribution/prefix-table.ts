/**
 * Longest prefix match over IPv4 and IPv6, /0 included: a binary search in a sorted list of ranges for each family.
 *
 * Of two prefixes, one holds the other or they have nothing in common. So n prefixes cut the addresses into at most
 * 2n + 1 ranges, and each range has at most one longest prefix:
 *
 *     10.0.0.0/8      |--------------- a ---------------|
 *     10.1.0.0/16            |--- b ---|
 *     starts    0     10.0   10.1      10.2             11.0
 *     owner     none  a      b         a                none
 *
 * `covering` of an entry is the entry of the next wider prefix, so a match can fall back to it without another search.
 * The first match after a change cuts the ranges. They are arrays of numbers and not a tree of objects, because each step
 * from node to node would wait for memory.
 */
import { maskOf, parseAddress, parsePrefix } from '../../session/address.js'

interface Entry<T> {
  readonly words: readonly number[]
  readonly prefixLength: number
  value: T
}

const NONE = -1

/** The ranges of one address family. */
interface Ranges<T> {
  /** First address of each range, most significant word first, ascending; the first range begins at 0. */
  readonly starts: Uint32Array
  /** The entry of each range, or NONE. */
  readonly owners: Int32Array
  readonly values: readonly T[]
  /** The next wider entry of each entry, or NONE. */
  readonly covering: Int32Array
}

export class PrefixTable<T> {
  /** By length, then by address as a signed number, because texts and larger numbers take an object each. */
  readonly #entries4: Map<number, Entry<T>>[] = []
  readonly #entries6 = new Map<string, Entry<T>>()
  #ranges4: Ranges<T> | null = null
  #ranges6: Ranges<T> | null = null
  readonly #address = new Uint32Array(4)

  get size(): number {
    return this.#entries4.reduce((sum, { size }) => sum + size, this.#entries6.size)
  }

  /** `merge` gets the value that the same prefix already has. False if the text is no prefix. */
  insert(text: string, merge: (before: T | undefined) => T): boolean {
    const prefix = parsePrefix(text)
    if (prefix === null) return false
    const { family, words, length } = prefix
    const entry = { words, prefixLength: length, value: undefined as T }
    const known = family === 4 ? this.#known4(entry) : this.#known6(entry)
    const value = merge(known === entry ? undefined : known.value)
    if (known === entry || value !== known.value) this.#ranges4 = this.#ranges6 = null
    known.value = value
    return true
  }

  keepOnly(stays: (value: T) => boolean): void {
    for (const entries of [...this.#entries4, this.#entries6] as Map<unknown, Entry<T>>[])
      for (const [key, { value }] of entries) {
        if (stays(value)) continue
        entries.delete(key)
        this.#ranges4 = this.#ranges6 = null
      }
  }

  /** The known entry of the same prefix; if there is none, `entry`, which is kept. */
  #known4(entry: Entry<T>): Entry<T> {
    while (this.#entries4.length <= entry.prefixLength) this.#entries4.push(new Map())
    const entries = this.#entries4[entry.prefixLength]!
    return keep(entries, entry.words[0]! | 0, entry)
  }

  #known6(entry: Entry<T>): Entry<T> {
    return keep(this.#entries6, `${entry.words.join(' ')}/${entry.prefixLength}`, entry)
  }

  /** The value of the longest prefix that holds the address; null if none does or the text is no address. */
  match(ip: string): T | null {
    return this.firstMatch(ip, itself)
  }

  /** The first answer that is not null, from the longest prefix that holds the address to the widest. */
  firstMatch<R>(ip: string, answer: (value: T) => R | null): R | null {
    const family = parseAddress(ip, this.#address)
    if (family === 0) return null
    const ranges = this.#rangesOf(family)
    const found =
      family === 4
        ? search4(ranges.starts, this.#address[0]!)
        : search6(ranges.starts, this.#address)
    for (let at = ranges.owners[found]!; at !== NONE; at = ranges.covering[at]!) {
      const result = answer(ranges.values[at]!)
      if (result !== null) return result
    }
    return null
  }

  #rangesOf(family: 4 | 6): Ranges<T> {
    if (family === 4) {
      this.#ranges4 ??= cutIntoRanges(
        this.#entries4.flatMap((entries) => [...entries.values()]),
        1,
      )
      return this.#ranges4
    }
    this.#ranges6 ??= cutIntoRanges([...this.#entries6.values()], 4)
    return this.#ranges6
  }
}

function keep<K, V>(map: Map<K, V>, key: K, value: V): V {
  const known = map.get(key)
  if (known === undefined) map.set(key, value)
  return known ?? value
}

const itself = <T>(value: T): T => value

/** The range that holds the address: the last one that does not start after it. */
function search4(starts: Uint32Array, address: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (starts[middle]! <= address) low = middle
    else high = middle - 1
  }
  return low
}

function search6(starts: Uint32Array, address: Uint32Array): number {
  let low = 0
  let high = starts.length / 4 - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    const at = middle * 4
    let word = 0
    while (word < 3 && starts[at + word] === address[word]) word++
    if (starts[at + word]! <= address[word]!) low = middle
    else high = middle - 1
  }
  return low
}

/** Goes over the prefixes by address, wider ones first. `open` is a stack: each open prefix holds the next one. */
function cutIntoRanges<T>(entries: Entry<T>[], words: 1 | 4): Ranges<T> {
  const sorted = entries.sort(inOrder)
  const covering = new Int32Array(sorted.length)
  const starts: number[] = []
  const owners: number[] = []
  const open: number[] = []
  function begin(start: readonly number[], owner: number): void {
    // A range that begins where the last one begins replaces it, because the last one is empty.
    const last = starts.length - words
    if (last >= 0 && start.every((word, i) => word === starts[last + i])) owners.pop()
    else starts.push(...start)
    owners.push(owner)
  }
  function close(at: number): void {
    const next = addressBehind(sorted[at]!)
    if (next !== null) begin(next, covering[at]!)
  }
  begin(new Array<number>(words).fill(0), NONE)
  for (const [at, entry] of sorted.entries()) {
    while (open.length > 0 && !holds(sorted[open.at(-1)!]!, entry)) close(open.pop()!)
    covering[at] = open.at(-1) ?? NONE
    begin(entry.words, at)
    open.push(at)
  }
  while (open.length > 0) close(open.pop()!)
  const values = sorted.map((entry) => entry.value)
  return { starts: Uint32Array.from(starts), owners: Int32Array.from(owners), values, covering }
}

function inOrder(a: Entry<unknown>, b: Entry<unknown>): number {
  for (let i = 0; i < a.words.length; i++)
    if (a.words[i] !== b.words[i]) return a.words[i]! - b.words[i]!
  return a.prefixLength - b.prefixLength
}

function holds(wide: Entry<unknown>, narrow: Entry<unknown>): boolean {
  return wide.words.every(
    (word, i) => ((word ^ narrow.words[i]!) & maskOf(wide.prefixLength - 32 * i)) === 0,
  )
}

/** The first address after the prefix; null if the prefix holds the last address. */
function addressBehind({ words, prefixLength }: Entry<unknown>): number[] | null {
  const next = words.slice()
  if (prefixLength === 0) return null
  const lastBit = prefixLength - 1
  let at = lastBit >> 5
  let step = 2 ** (31 - (lastBit & 31))
  for (; at >= 0; at--, step = 1) {
    const sum = next[at]! + step
    next[at] = sum % 2 ** 32
    if (sum < 2 ** 32) return next
  }
  return null
}
