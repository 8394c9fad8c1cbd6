/**
 * Writes protobuf messages (https://protobuf.dev/programming-guides/encoding): the types of fields that OTLP logs need.
 * Most texts are short and ASCII, so they are written without a call into the runtime.
 */
export const VARINT = 0
export const FIXED64 = 1
export const BYTES = 2
export const FIXED32 = 5

const BYTES_FIRST = 1 << 16
/** The longest varint of a safe integer. */
const VARINT_BYTES_MAX = 8
/** Up to here, a loop over the letters is faster than Buffer.write(). */
const LOOP_LETTERS_MAX = 64
const TWO_POW_31 = 2 ** 31
const TWO_POW_32 = 2 ** 32

export class ProtobufWriter {
  #bytes: Buffer
  #at = 0

  /** @param bytes the expected length; more grows */
  constructor(bytes = BYTES_FIRST) {
    this.#bytes = Buffer.allocUnsafe(bytes)
  }

  get length(): number {
    return this.#at
  }

  /** A copy of what was written, and begins anew. */
  take(): Buffer {
    const bytes = Buffer.from(this.#bytes.subarray(0, this.#at))
    this.#at = 0
    return bytes
  }

  /** What was written, without a copy. The writer must not be used afterwards. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(2 * (this.#at + bytes))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }

  /** @param value a safe integer, 0 or more */
  #number(value: number): void {
    this.#room(VARINT_BYTES_MAX)
    let left = value
    for (; left >= TWO_POW_31; left = Math.floor(left / 128)) {
      this.#bytes[this.#at++] = (left % 128) | 128
    }
    for (; left >= 128; left >>>= 7) this.#bytes[this.#at++] = (left & 127) | 128
    this.#bytes[this.#at++] = left
  }

  #tag(field: number, type: number): void {
    this.#number(field * 8 + type)
  }

  /** @param value a safe integer, 0 or more */
  varint(field: number, value: number): void {
    this.#tag(field, VARINT)
    this.#number(value)
  }

  /** @param value `high` * 2^32 + `low`, both 0 or more and below 2^32 */
  fixed64(field: number, high: number, low: number): void {
    this.#tag(field, FIXED64)
    this.#room(8)
    this.#at = this.#bytes.writeUInt32LE(low, this.#at)
    this.#at = this.#bytes.writeUInt32LE(high, this.#at)
  }

  double(field: number, value: number): void {
    this.#tag(field, FIXED64)
    this.#room(8)
    this.#at = this.#bytes.writeDoubleLE(value, this.#at)
  }

  text(field: number, value: string): void {
    this.#tag(field, BYTES)
    if (value.length > LOOP_LETTERS_MAX || !this.#shortAscii(value)) this.#anyText(value)
  }

  /** @returns false if the text is not ASCII; then nothing was written */
  #shortAscii(value: string): boolean {
    const { length } = value
    this.#room(length + 1)
    const [bytes, at] = [this.#bytes, this.#at]
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i)
      if (code > 127) return false
      bytes[at + 1 + i] = code
    }
    bytes[at] = length
    this.#at = at + 1 + length
    return true
  }

  #anyText(value: string): void {
    const length = Buffer.byteLength(value)
    this.#number(length)
    this.#room(length)
    this.#at += this.#bytes.write(value, this.#at)
  }

  /** Bytes that were encoded before. */
  raw(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  /** The tag and the length of a message whose bytes follow. */
  messageOf(field: number, length: number): void {
    this.#tag(field, BYTES)
    this.#number(length)
  }

  /** The length precedes the message but is known only after it. A message that is not short is moved to make room. */
  message(field: number, write: () => void): void {
    const from = this.begin(field)
    write()
    this.end(from)
  }

  /** @returns where the message begins, for end() */
  begin(field: number): number {
    this.#tag(field, BYTES)
    this.#room(VARINT_BYTES_MAX)
    this.#at++
    return this.#at
  }

  end(from: number): void {
    const length = this.#at - from
    if (length < 128) {
      this.#bytes[from - 1] = length
      return
    }
    this.#room(VARINT_BYTES_MAX)
    const more = Math.floor(Math.log2(length) / 7)
    this.#bytes.copyWithin(from + more, from, this.#at)
    this.#at = from - 1
    this.#number(length)
    this.#at += length
  }
}

/** Bytes of a message whose field number is below 16, with its tag and its length. */
export function sizeOfMessage(length: number): number {
  let bytes = 2 + length
  for (let left = length; left >= 128; left = Math.floor(left / 128)) bytes++
  return bytes
}

/** For fixed64(): nanoseconds of microseconds, exactly. */
export function nanosecondsOf(us: number): readonly [high: number, low: number] {
  // us * 1000 is above 2^53, so its halves are computed.
  const low = (us % TWO_POW_32) * 1000
  const high = Math.floor(us / TWO_POW_32) * 1000 + Math.floor(low / TWO_POW_32)
  return [high, low % TWO_POW_32]
}
