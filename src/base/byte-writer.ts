/**
 * Text built directly as bytes, which makes a million sessions in a second or two.
 *
 * The buffer grows as needed. take() gives the bytes to the caller and starts anew, so the caller
 * decides how many bytes are held.
 */

const BYTES_FIRST = 1 << 20
/** No number is longer in JavaScript's notation. */
const NUMBER_BYTES_MAX = 32
const ZERO = 0x30
const QUOTE = 0x22
const BACKSLASH = 0x5c
const DOT = 0x2e

export function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0))
}

export class ByteWriter {
  #bytes = Buffer.allocUnsafe(BYTES_FIRST)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Takes the bytes so far, or the first `length` of them; the caller owns them. */
  take(length = this.#length): Uint8Array {
    const taken = Buffer.from(this.#bytes.subarray(0, length))
    this.#bytes.copyWithin(0, length, this.#length)
    this.#length -= length
    return taken
  }

  bytes(bytes: Uint8Array): void {
    this.#room(bytes.length)
    const to = this.#bytes
    let at = this.#length
    // Keys have about a dozen bytes: a loop is faster than set().
    for (let i = 0; i < bytes.length; i++) to[at++] = bytes[i]!
    this.#length = at
  }

  text(text: string): void {
    this.#room(text.length * 3)
    const to = this.#bytes
    const start = this.#length
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7e) {
        this.#length = start + to.write(text, start, 'utf8')
        return
      }
      to[start + i] = code
    }
    this.#length = start + text.length
  }

  /** A JSON string. */
  quoted(text: string): void {
    this.#room(text.length + 2)
    const to = this.#bytes
    let at = this.#length
    to[at++] = QUOTE
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) {
        this.text(JSON.stringify(text))
        return
      }
      to[at++] = code
    }
    to[at++] = QUOTE
    this.#length = at
  }

  number(value: number): void {
    const whole = Math.floor(value)
    const thousandths = Math.round(value * 1e3)
    const isWhole = whole === value && value <= Number.MAX_SAFE_INTEGER
    // The only usual fractions are seconds with milliseconds. All other numbers take the slow path,
    // also where a double cannot distinguish thousandths.
    const isMilliseconds = thousandths <= Number.MAX_SAFE_INTEGER && thousandths / 1e3 === value
    if (!(value >= 0 && (isWhole || isMilliseconds))) {
      this.text(String(value))
      return
    }
    this.#room(NUMBER_BYTES_MAX)
    this.#digits(whole)
    if (!isWhole) this.#fraction(thousandths - whole * 1e3)
  }

  /** Writes the digits from the right; their count decides the end. */
  #digits(value: number): void {
    let count = 1
    for (let bound = 10; value >= bound; bound *= 10) count++
    const to = this.#bytes
    let at = this.#length + count
    this.#length = at
    let rest = value
    while (rest > 0x7fffffff) {
      const tenth = Math.floor(rest / 10)
      to[--at] = ZERO + (rest - tenth * 10)
      rest = tenth
    }
    let small = rest | 0
    do {
      const tenth = (small / 10) | 0
      to[--at] = ZERO + (small - tenth * 10)
      small = tenth
    } while (small > 0)
  }

  /** 1 to 999 thousandths without trailing zeros, as JavaScript prints them. */
  #fraction(thousandths: number): void {
    const to = this.#bytes
    to[this.#length++] = DOT
    to[this.#length++] = ZERO + Math.floor(thousandths / 100)
    if (thousandths % 100 === 0) return
    to[this.#length++] = ZERO + (Math.floor(thousandths / 10) % 10)
    if (thousandths % 10 !== 0) to[this.#length++] = ZERO + (thousandths % 10)
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#length + bytes))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}
