/** Rows in ClickHouse's format RowBinary: the values one after the other, numbers in little endian. */
import { COLUMNS, type Column, type Value, type VersionedSession } from './columns.js'

const START_BYTES = 64 * 1024
/** More than the numbers of a row take, and than the length of a text. */
const ROOM_BYTES = 64

class Writer {
  #bytes = Buffer.allocUnsafe(START_BYTES)
  #at = 0

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#at + bytes))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }

  value({ width, nullable }: Column, value: Value): void {
    this.#room(ROOM_BYTES)
    if (nullable) this.#at = this.#bytes.writeUInt8(value === null ? 1 : 0, this.#at)
    if (value === null) {
      if (!nullable) throw new TypeError('a value is missing')
      return
    }
    if (width === 'text') this.#text(value as string)
    else this.#number(width, value)
  }

  #number(width: Exclude<Column['width'], 'text'>, value: Value): void {
    const [bytes, at] = [this.#bytes, this.#at]
    switch (width) {
      case 'u8':
        this.#at = bytes.writeUInt8(Number(value), at)
        return
      case 'u16':
        this.#at = bytes.writeUInt16LE(value as number, at)
        return
      case 'u32':
        this.#at = bytes.writeUInt32LE(value as number, at)
        return
      case 'u128': {
        const whole = value as bigint
        bytes.writeBigUInt64LE(BigInt.asUintN(64, whole), at)
        this.#at = bytes.writeBigUInt64LE(whole >> 64n, at + 8)
        return
      }
      default: {
        // Numbers are below 2^53; the high half of a negative one has its sign.
        const low = (value as number) >>> 0
        bytes.writeUInt32LE(low, at)
        this.#at = bytes.writeInt32LE(((value as number) - low) / 2 ** 32, at + 4)
      }
    }
  }

  #text(text: string): void {
    const length = Buffer.byteLength(text)
    this.#room(length + ROOM_BYTES)
    let rest = length
    for (; rest >= 0x80; rest >>>= 7) this.#bytes[this.#at++] = (rest & 0x7f) | 0x80
    this.#bytes[this.#at++] = rest
    this.#at += this.#bytes.write(text, this.#at, length)
  }
}

export function rowBinary(records: readonly VersionedSession[]): Buffer {
  const writer = new Writer()
  for (const record of records)
    for (const column of COLUMNS) writer.value(column, column.get(record))
  return writer.bytes
}
