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
  VARINT,
} from '../formats/protobuf.js'

export interface ResourceLogs<Record> {
  readonly attributes: readonly (readonly [key: string, value: string | number])[]
  readonly records: readonly Record[]
}

export interface Scope {
  readonly name: string
  readonly version: string
}

/** @param resources with records that are encoded, without their observed time */
export function exportRequest(
  resources: readonly ResourceLogs<Uint8Array>[],
  scope: Scope,
  observedMs: number,
): Buffer {
  const to = new ProtobufWriter()
  to.fixed64(11, ...nanosecondsOf(observedMs * 1000))
  const observed = to.take()
  for (const { attributes, records } of resources)
    to.message(1, () => {
      to.message(1, () => {
        for (const [key, value] of attributes) writeKeyValue(to, 1, key, value)
      })
      to.message(2, () => {
        to.message(1, () => {
          to.text(1, scope.name)
          to.text(2, scope.version)
        })
        for (const record of records) {
          to.messageOf(2, record.length + observed.length)
          to.raw(record)
          to.raw(observed)
        }
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
