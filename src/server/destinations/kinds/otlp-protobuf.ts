/**
 * The part of protobuf that OTLP logs need: it writes ExportLogsServiceRequest and reads ExportLogsServiceResponse. The
 * field numbers come from opentelemetry-proto (logs.proto, common.proto, resource.proto, logs_service.proto).
 */
import type { AnyValue, KeyValue, LogRecord } from '../formats/otlp.js'

export interface ResourceLogs {
  readonly resource: { readonly attributes: readonly KeyValue[] }
  readonly scope: { readonly name: string; readonly version: string }
  readonly records: readonly LogRecord[]
}

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5
const BYTES_FIRST = 1 << 16
/** The longest varint of a safe integer. */
const VARINT_BYTES_MAX = 8

class Writer {
  #bytes = Buffer.allocUnsafe(BYTES_FIRST)
  #at = 0

  take(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#at))
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(2 * (this.#at + bytes))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }

  #number(value: number): void {
    this.#room(VARINT_BYTES_MAX)
    let left = value
    for (; left >= 128; left = Math.floor(left / 128)) this.#bytes[this.#at++] = (left % 128) | 128
    this.#bytes[this.#at++] = left
  }

  #tag(field: number, type: number): void {
    this.#number(field * 8 + type)
  }

  varint(field: number, value: number): void {
    this.#tag(field, VARINT)
    this.#number(value)
  }

  fixed64(field: number, value: string): void {
    this.#tag(field, FIXED64)
    this.#room(8)
    this.#at = this.#bytes.writeBigUInt64LE(BigInt(value), this.#at)
  }

  double(field: number, value: number): void {
    this.#tag(field, FIXED64)
    this.#room(8)
    this.#at = this.#bytes.writeDoubleLE(value, this.#at)
  }

  text(field: number, value: string): void {
    this.#tag(field, BYTES)
    const bytes = Buffer.byteLength(value)
    this.#number(bytes)
    this.#room(bytes)
    this.#at += this.#bytes.write(value, this.#at)
  }

  /** The length precedes the message but is known only after it. So the message is moved to make room for it. */
  message(field: number, write: () => void): void {
    this.#tag(field, BYTES)
    const from = this.#at
    write()
    const length = this.#at - from
    this.#room(VARINT_BYTES_MAX)
    const prefix = length < 128 ? 1 : Math.floor(Math.log2(length) / 7) + 1
    this.#bytes.copyWithin(from + prefix, from, this.#at)
    this.#at = from
    this.#number(length)
    this.#at += length
  }
}

function writeValue(to: Writer, value: AnyValue): void {
  if ('stringValue' in value) to.text(1, value.stringValue)
  else if ('boolValue' in value) to.varint(2, value.boolValue ? 1 : 0)
  else if ('intValue' in value) to.varint(3, Number(value.intValue))
  else to.double(4, value.doubleValue)
}

function writeAttribute(to: Writer, field: number, { key, value }: KeyValue): void {
  to.message(field, () => {
    to.text(1, key)
    to.message(2, () => writeValue(to, value))
  })
}

function writeRecord(to: Writer, record: LogRecord): void {
  to.fixed64(1, record.timeUnixNano)
  to.varint(2, record.severityNumber)
  to.text(3, record.severityText)
  to.message(5, () => writeValue(to, record.body))
  for (const attribute of record.attributes) writeAttribute(to, 6, attribute)
  to.fixed64(11, record.observedTimeUnixNano)
  to.text(12, record.eventName)
}

export function exportRequest(resources: readonly ResourceLogs[]): Buffer {
  const to = new Writer()
  for (const { resource, scope, records } of resources)
    to.message(1, () => {
      to.message(1, () => {
        for (const attribute of resource.attributes) writeAttribute(to, 1, attribute)
      })
      to.message(2, () => {
        to.message(1, () => {
          to.text(1, scope.name)
          to.text(2, scope.version)
        })
        for (const record of records) to.message(2, () => writeRecord(to, record))
      })
    })
  return to.take()
}

export interface PartialSuccess {
  readonly rejectedLogRecords: number
  readonly errorMessage: string
}

interface Field {
  readonly field: number
  readonly number: number
  readonly bytes: Buffer
}

/** @throws RangeError of bytes that are no message */
function* fieldsOf(bytes: Buffer): Generator<Field> {
  let at = 0
  const number = (): number => {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes.readUInt8(at++)
      value += (byte & 127) * 2 ** shift
      if (byte < 128) return value
    }
    throw new RangeError('no varint')
  }
  while (at < bytes.length) {
    const tag = number()
    const [field, type] = [Math.floor(tag / 8), tag % 8]
    const value = type === VARINT || type === BYTES ? number() : 0
    const size = type === BYTES ? value : type === FIXED64 ? 8 : type === FIXED32 ? 4 : 0
    const isKnown = type === VARINT || type === BYTES || type === FIXED64 || type === FIXED32
    if (!isKnown || size > bytes.length - at) throw new RangeError('no message')
    yield { field, number: value, bytes: bytes.subarray(at, at + size) }
    at += size
  }
}

/** @throws RangeError of bytes that are no message */
export function partialSuccessOf(response: Buffer): PartialSuccess {
  const success = { rejectedLogRecords: 0, errorMessage: '' }
  for (const { field, bytes } of fieldsOf(response)) {
    if (field !== 1) continue
    for (const part of fieldsOf(bytes)) {
      if (part.field === 1) success.rejectedLogRecords = part.number
      if (part.field === 2) success.errorMessage = part.bytes.toString('utf8')
    }
  }
  return success
}
