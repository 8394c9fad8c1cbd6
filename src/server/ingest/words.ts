/** Compares a batch's bytes, four at a time, with expected keys and with texts seen before. */
import { type Check, knownIp } from './session-fields.js'

/** Bytes compared at once. */
const WORD = 4

/** A request's body, readable as words of 4 bytes. */
export class Bytes {
  readonly length: number
  readonly #buffer: Buffer
  readonly #view: DataView

  constructor(buffer: Buffer) {
    this.length = buffer.length
    this.#buffer = buffer
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
  }

  /** @throws RangeError if the word is not within the bytes */
  word(at: number): number {
    return this.#view.getInt32(at, true)
  }

  text(from: number, to: number): string {
    return this.#buffer.toString('latin1', from, to)
  }
}

/**
 * A cache of one field's checked texts, found by their bytes. Each text has one place, by its hash, and replaces the
 * text there.
 */
export class Texts {
  static readonly PLACES = 4096
  /** The longest cached text, with its quotes. */
  static readonly BYTES_MAX = 64
  readonly #check: Check
  readonly #canonical: (text: string) => string | undefined
  /** Length and words of the text at each place, as the meter wrote it. */
  readonly #lengths = new Uint8Array(Texts.PLACES)
  readonly #words = new Int32Array((Texts.PLACES * Texts.BYTES_MAX) / WORD)
  readonly #meant: string[] = new Array<string>(Texts.PLACES).fill('')

  constructor(name: string, check: Check) {
    this.#check = check
    this.#canonical = name.endsWith('Ip') ? knownIp : (text) => text
  }

  /**
   * @param from the offset of the opening quote
   * @param to the offset after the closing quote
   * @returns undefined if the field's check refuses the text
   */
  read(bytes: Bytes, from: number, to: number): string | undefined {
    const length = to - from
    if (length < WORD || length > Texts.BYTES_MAX) return this.#make(bytes, from, to)
    // The last word overlaps the one before it, here and below.
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

/** Bytes that repeat in every session: keys, null, true and false. */
export class Expected {
  readonly length: number
  readonly #words: Int32Array

  /** @param bytes at least one word */
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
