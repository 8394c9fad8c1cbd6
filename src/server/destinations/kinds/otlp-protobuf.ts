/**
 * ExportLogsServiceRequest and ExportLogsServiceResponse of OTLP as protobuf. The field numbers come from
 * opentelemetry-proto (logs_service.proto, logs.proto, resource.proto, common.proto).
 */
import { writeKeyValue } from '../formats/otlp.js'
import {
  BYTES,
  FIXED32,
  FIXED64,
  nanosecondsOf,
  ProtobufWriter,
  sizeOfMessage,
  VARINT,
} from '../formats/protobuf.js'

export interface ResourceLogs<Record> {
  readonly attributes: readonly (readonly [key: string, value: string | number])[]
  readonly records: readonly Record[]
}

/** The writer wants room for a whole varint before it writes one. */
const ROOM_FOR_VARINTS = 64

export interface Scope {
  readonly name: string
  readonly version: string
}

/**
 * All lengths are computed first. So each record is copied once, which matters: a request is a megabyte and more.
 * @param resources with records that are encoded, without their observed time
 */
export function exportRequest(
  resources: readonly ResourceLogs<Uint8Array>[],
  scope: Scope,
  observedMs: number,
): Buffer {
  const small = new ProtobufWriter()
  small.fixed64(11, ...nanosecondsOf(observedMs * 1000))
  const observed = small.take()
  small.message(1, () => {
    small.text(1, scope.name)
    small.text(2, scope.version)
  })
  const scopeBytes = small.take()
  const sized = resources.map(({ attributes, records }) => {
    small.message(1, () => {
      for (const [key, value] of attributes) writeKeyValue(small, 1, key, value)
    })
    const resource = small.take()
    let scopeLogs = scopeBytes.length
    for (const { length } of records) scopeLogs += sizeOfMessage(length + observed.length)
    return { resource, records, scopeLogs, length: resource.length + sizeOfMessage(scopeLogs) }
  })
  const to = new ProtobufWriter(
    sized.reduce((sum, { length }) => sum + sizeOfMessage(length), ROOM_FOR_VARINTS),
  )
  for (const { resource, records, scopeLogs, length } of sized) {
    to.messageOf(1, length)
    to.raw(resource)
    to.messageOf(2, scopeLogs)
    to.raw(scopeBytes)
    for (const record of records) {
      to.messageOf(2, record.length + observed.length)
      to.raw(record)
      to.raw(observed)
    }
  }
  return to.finish()
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
