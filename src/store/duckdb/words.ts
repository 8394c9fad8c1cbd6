/** The texts that a slice of an export holds, by the keys that stand for them in its rows. */
import { type Packed, packed, packedCell } from './cell-writer.js'

export interface Word {
  readonly text: string | null
  /** As a cell of CSV. */
  readonly cell: Packed
  /** As it is. */
  readonly packed: Packed
  /** Of an address: the beginning of an endpoint. */
  readonly host: Packed
}

/** No key is negative. */
const FREE = -1
const SLOTS_FIRST = 64
/** A key is 53 random bits: the upper ones, as the lower ones of a 32-bit number. */
const UPPER_BITS = 2 ** -22

/** An open-addressed table: one look for each text of each row, where a Map takes several times as long. */
export class Words {
  #keys = new Float64Array(SLOTS_FIRST).fill(FREE)
  #words: (Word | undefined)[] = new Array(SLOTS_FIRST)
  #count = 0

  /** @returns false when the key stands for another text */
  add(key: number, text: string | null): boolean {
    const host = text?.includes(':') ? `[${text}]:` : `${text}:`
    return this.#put(key, {
      text,
      cell: packedCell(text),
      packed: packed(text ?? ''),
      host: packed(host),
    })
  }

  get count(): number {
    return this.#count
  }

  has(key: number): boolean {
    return this.#keys[this.#slot(key)] === key
  }

  /** @param key of a text that was added */
  get(key: number): Word {
    return this.#words[this.#slot(key)]!
  }

  #put(key: number, word: Word): boolean {
    if (2 * this.#count >= this.#keys.length) this.#grow()
    const slot = this.#slot(key)
    if (this.#keys[slot] !== FREE) return this.#words[slot]!.text === word.text
    this.#keys[slot] = key
    this.#words[slot] = word
    this.#count++
    return true
  }

  #slot(key: number): number {
    const mask = this.#keys.length - 1
    let slot = (key * UPPER_BITS) & mask
    while (this.#keys[slot] !== key && this.#keys[slot] !== FREE) slot = (slot + 1) & mask
    return slot
  }

  #grow(): void {
    const [keys, words] = [this.#keys, this.#words]
    this.#keys = new Float64Array(2 * keys.length).fill(FREE)
    this.#words = new Array(this.#keys.length)
    this.#count = 0
    for (const [slot, word] of words.entries()) {
      if (word !== undefined) this.#put(keys[slot]!, word)
    }
  }
}
