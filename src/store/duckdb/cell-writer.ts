/**
 * Lines of cells as bytes. Each cell ends with its comma, the last one's makes room for the end of the line.
 *
 * A cell that is made once for many rows is one copy; the others are a few digits. begin() reserves what those may
 * take, so that only copies look for room.
 */
import { asciiBytes } from '../../byte-writer.js'
import { csvCell } from '../../session/csv.js'
import { BASE32 } from './ids.js'

const BYTES_FIRST = 1 << 20
/** More than all cells of a row that are not copied. */
const ROW_BYTES = 2048
const ZERO = 0x30
const COMMA = 0x2c
const DOT = 0x2e
const COLON = 0x3a
const [CR, LF] = [0x0d, 0x0a]
const [T, Z] = [0x54, 0x5a]
const DAY_US = 86400e6
const DATE_LENGTH = '2026-11-22'.length

/**
 * A text in pieces of eight bytes, as numbers: copying such takes a fifth of the time of a loop over bytes. No piece is
 * a NaN, whose bits might be changed: that needs bytes that UTF-8 does not have.
 */
export interface Packed {
  readonly eights: Float64Array
  /** In bytes; what the last piece has beyond is overwritten. */
  readonly length: number
}

export function packed(text: string): Packed {
  const length = Buffer.byteLength(text)
  const eights = new Float64Array(Math.ceil(length / 8))
  Buffer.from(eights.buffer).write(text)
  return { eights, length }
}

export function packedCell(text: string | null): Packed {
  return packed(`${csvCell(text)},`)
}

const BASE32_CODES = asciiBytes(BASE32)
/** 00 to 99, as they are in memory. */
const PAIRS = Uint16Array.from({ length: 100 }, (_, i) => {
  return ZERO + Math.floor(i / 10) + ((ZERO + (i % 10)) << 8)
})

export class CellWriter {
  #bytes = Buffer.allocUnsafe(BYTES_FIRST)
  #view = viewOf(this.#bytes)
  #length = 0
  #day = Number.NaN
  #date = packed('')

  /** Of a row. */
  begin(): void {
    if (this.#length + ROW_BYTES > this.#bytes.length) this.#grow(ROW_BYTES)
  }

  end(): void {
    this.#bytes[this.#length - 1] = CR
    this.#bytes[this.#length++] = LF
  }

  /** What was written since; the caller owns it. */
  take(): Uint8Array {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#length))
    this.#length = 0
    return taken
  }

  /** A cell, or the beginning of one. */
  text({ eights, length }: Packed): void {
    const at = this.#length
    if (at + length + ROW_BYTES > this.#bytes.length) this.#grow(length + ROW_BYTES)
    const view = this.#view
    for (let i = 0; i < eights.length; i++) view.setFloat64(at + 8 * i, eights[i]!, true)
    this.#length = at + length
  }

  /** 40 bits as the last eight digits of a session id. */
  base32(value: number): void {
    const to = this.#bytes
    const upper = Math.floor(value / 2 ** 20)
    const lower = value - upper * 2 ** 20
    const at = this.#length
    for (let i = 0; i < 4; i++) {
      to[at + i] = BASE32_CODES[(upper >> (15 - 5 * i)) & 31]!
      to[at + 4 + i] = BASE32_CODES[(lower >> (15 - 5 * i)) & 31]!
    }
    to[at + 8] = COMMA
    this.#length = at + 9
  }

  ascii(text: string): void {
    const to = this.#bytes
    let at = this.#length
    for (let i = 0; i < text.length; i++) to[at++] = text.charCodeAt(i)
    to[at++] = COMMA
    this.#length = at
  }

  empty(): void {
    this.#bytes[this.#length++] = COMMA
  }

  /** A whole number up to 2^53, or an empty cell for NaN. */
  number(value: number): void {
    if (value >= 0) this.#digits(value)
    this.#bytes[this.#length++] = COMMA
  }

  /** Without zeros at the end, as JavaScript prints it. */
  thousandths(value: number): void {
    const whole = Math.floor(value / 1e3)
    this.#digits(whole)
    let rest = value - whole * 1e3
    const to = this.#bytes
    if (rest > 0) to[this.#length++] = DOT
    for (let unit = 100; rest > 0; unit /= 10) {
      const digit = (rest / unit) | 0
      to[this.#length++] = ZERO + digit
      rest -= digit * unit
    }
    to[this.#length++] = COMMA
  }

  /** `2026-11-22T22:37:01.000123Z` */
  time(us: number): void {
    const day = Math.floor(us / DAY_US)
    if (day !== this.#day) {
      this.#day = day
      this.#date = packed(new Date(day * (DAY_US / 1e3)).toISOString().slice(0, DATE_LENGTH))
    }
    this.text(this.#date)
    const ofDay = us - day * DAY_US
    const second = Math.floor(ofDay / 1e6)
    const rest = (ofDay - second * 1e6) | 0
    this.#after(T, (second / 3600) | 0)
    this.#after(COLON, ((second / 60) | 0) % 60)
    this.#after(COLON, second % 60)
    this.#after(DOT, (rest / 10000) | 0)
    this.#two(((rest / 100) | 0) % 100)
    this.#two(rest % 100)
    this.#bytes[this.#length++] = Z
    this.#bytes[this.#length++] = COMMA
  }

  #after(mark: number, value: number): void {
    this.#bytes[this.#length++] = mark
    this.#two(value)
  }

  #two(value: number): void {
    this.#view.setUint16(this.#length, PAIRS[value]!, true)
    this.#length += 2
  }

  /** From the right, into the place that their count reserves. */
  #digits(value: number): void {
    let count = 1
    for (let bound = 10; value >= bound; bound *= 10) count++
    const end = this.#length + count
    let at = end
    let rest = value
    for (; rest > 0x7fffffff; count -= 2) {
      const hundredth = Math.floor(rest / 100)
      at -= 2
      this.#view.setUint16(at, PAIRS[rest - hundredth * 100]!, true)
      rest = hundredth
    }
    let small = rest | 0
    for (; count > 1; count -= 2) {
      const hundredth = (small / 100) | 0
      at -= 2
      this.#view.setUint16(at, PAIRS[small - hundredth * 100]!, true)
      small = hundredth
    }
    if (count === 1) this.#bytes[at - 1] = ZERO + small
    this.#length = end
  }

  #grow(room: number): void {
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#length + room))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
    this.#view = viewOf(larger)
  }
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length)
}
