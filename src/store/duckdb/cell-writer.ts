/**
 * Lines of cells as bytes. Each cell ends with its comma, the last one's makes room for the end of the line.
 *
 * A cell that is made once for many rows is one copy; the others are a few digits. begin() reserves what those may
 * take, so that only copies look for room.
 */
import { asciiBytes } from '../../byte-writer.js'
import { csvCell } from '../../session/csv.js'

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

export function cellBytes(text: string | null): Uint8Array {
  return Buffer.from(`${csvCell(text)},`)
}

export class CellWriter {
  #bytes = Buffer.allocUnsafe(BYTES_FIRST)
  #length = 0
  #day = Number.NaN
  #date = asciiBytes('0000-00-00')

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

  /** @param bytes of cellBytes() */
  cell(bytes: Uint8Array): void {
    this.part(bytes)
  }

  /** The beginning of a cell. */
  part(bytes: Uint8Array): void {
    let at = this.#length
    if (at + bytes.length + ROW_BYTES > this.#bytes.length) this.#grow(bytes.length + ROW_BYTES)
    const to = this.#bytes
    for (let i = 0; i < bytes.length; i++) to[at++] = bytes[i]!
    this.#length = at
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
      this.#date = asciiBytes(new Date(day * (DAY_US / 1e3)).toISOString().slice(0, DATE_LENGTH))
    }
    const to = this.#bytes
    const date = this.#date
    let at = this.#length
    for (let i = 0; i < DATE_LENGTH; i++) to[at++] = date[i]!
    const ofDay = us - day * DAY_US
    const second = Math.floor(ofDay / 1e6)
    to[at++] = T
    at = this.#two((second / 3600) | 0, at)
    to[at++] = COLON
    at = this.#two(((second / 60) | 0) % 60, at)
    to[at++] = COLON
    at = this.#two(second % 60, at)
    to[at++] = DOT
    const rest = (ofDay - second * 1e6) | 0
    at = this.#two((rest / 10000) | 0, at)
    at = this.#two(((rest / 100) | 0) % 100, at)
    at = this.#two(rest % 100, at)
    to[at++] = Z
    to[at++] = COMMA
    this.#length = at
  }

  #two(value: number, at: number): number {
    const tens = (value / 10) | 0
    this.#bytes[at] = ZERO + tens
    this.#bytes[at + 1] = ZERO + (value - tens * 10)
    return at + 2
  }

  /** From the right, into the place that their count reserves. */
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
      count--
    }
    for (let small = rest | 0; count > 0; count--) {
      const tenth = (small / 10) | 0
      to[--at] = ZERO + (small - tenth * 10)
      small = tenth
    }
  }

  #grow(room: number): void {
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#length + room))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}
