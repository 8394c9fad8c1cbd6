/** A batch's bytes, compared four at a time: what is expected, and texts that were met before. */
import { type Check, knownIp } from './session-fields.js'

/** Bytes that are compared at once. */
const WORD = 4

/** A body, by its words too. */
export class Bytes {
  readonly length: number
  readonly #buffer: Buffer
  readonly #view: DataView

  constructor(buffer: Buffer) {
    this.length = buffer.length
    this.#buffer = buffer
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
  }

  /** @throws RangeError when it is not within the bytes */
  word(at: number): number {
    return this.#view.getInt32(at, true)
  }

  text(from: number, to: number): string {
    return this.#buffer.toString('latin1', from, to)
  }
}

/**
 * Checked texts of one field, found by their bytes, four of them at a time. A place is taken over by the next text
 * that falls on it.
 */
export class Texts {
  static readonly PLACES = 4096
  /** With the quotes; longer ones are made anew each time. */
  static readonly BYTES_MAX = 64
  readonly #check: Check
  readonly #canonical: (text: string) => string | undefined
  /** As written: length and words of each place. */
  readonly #lengths = new Uint8Array(Texts.PLACES)
  readonly #words = new Int32Array((Texts.PLACES * Texts.BYTES_MAX) / WORD)
  readonly #meant: string[] = new Array<string>(Texts.PLACES).fill('')

  constructor(name: string, check: Check) {
    this.#check = check
    this.#canonical = name.endsWith('Ip') ? knownIp : (text) => text
  }

  /**
   * @param from of its first quote
   * @param to behind its last one
   * @returns undefined when the field does not take it
   */
  read(bytes: Bytes, from: number, to: number): string | undefined {
    const length = to - from
    if (length < WORD || length > Texts.BYTES_MAX) return this.#make(bytes, from, to)
    // The last word reaches back, here and below.
    let hash = length
    for (let at = from; at < to - WORD; at += WORD) hash = mixed(hash, bytes.word(at))
    hash = mixed(hash, bytes.word(to - WORD))
    const place = (hash ^ (hash >>> 15)) & (Texts.PLACES - 1)
    if (this.#isAt(place, bytes, from, to)) return this.#meant[place]
    const meant = this.#make(bytes, from, to)
    if (meant !== undefined) this.#put(place, bytes, from, to, meant)
    return meant
  }

  #isAt(place: number, bytes: Bytes, from: number, to: number): boolean {
    if (this.#lengths[place] !== to - from) return false
    let i = (place * Texts.BYTES_MAX) / WORD
    for (let at = from; at < to - WORD; at += WORD)
      if (this.#words[i++] !== bytes.word(at)) return false
    return this.#words[i] === bytes.word(to - WORD)
  }

  #put(place: number, bytes: Bytes, from: number, to: number, meant: string): void {
    let i = (place * Texts.BYTES_MAX) / WORD
    for (let at = from; at < to - WORD; at += WORD) this.#words[i++] = bytes.word(at)
    this.#words[i] = bytes.word(to - WORD)
    this.#lengths[place] = to - from
    this.#meant[place] = meant
  }

  #make(bytes: Bytes, from: number, to: number): string | undefined {
    const text = bytes.text(from + 1, to - 1)
    return this.#check(text) ? this.#canonical(text) : undefined
  }
}

function mixed(hash: number, word: number): number {
  return Math.imul(hash ^ word, 0x9e3779b1) ^ (hash >>> 13)
}

/** What comes again and again: keys, and values that are no texts and no numbers. */
export class Expected {
  readonly length: number
  readonly #words: Int32Array

  /** @param bytes a word at least */
  constructor(bytes: Buffer) {
    this.length = bytes.length
    const own = new Bytes(bytes)
    this.#words = Int32Array.from({ length: Math.ceil(bytes.length / WORD) }, (_, i) =>
      own.word(Math.min(i * WORD, bytes.length - WORD)),
    )
  }

  isAt(bytes: Bytes, at: number): boolean {
    if (at + this.length > bytes.length) return false
    const words = this.#words
    const last = words.length - 1
    for (let i = 0; i < last; i++) if (bytes.word(at + i * WORD) !== words[i]) return false
    return bytes.word(at + this.length - WORD) === words[last]
  }
}
