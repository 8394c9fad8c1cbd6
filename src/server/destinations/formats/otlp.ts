/**
 * Log records of OTLP, of sessions and of events of peers, in both encodings: as JSON (64-bit integers as texts, enums
 * as numbers) and as protobuf. Field numbers are those of opentelemetry-proto (logs.proto, common.proto).
 *
 * A record leaves out observedTimeUnixNano, which the delivery adds.
 */
import { LOG_FIELDS } from '../../query/api-row.js'
import type { LogRow } from '../../store/store.js'
import { placesOf, type Value } from './places.js'
import { nanosecondsOf, ProtobufWriter } from './protobuf.js'

export type AnyValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: string }
  | { readonly doubleValue: number }

export interface KeyValue {
  readonly key: string
  readonly value: AnyValue
}

interface Attribute<Row> {
  readonly key: string
  readonly read: (row: Row) => Value
  /** True: numbers are doubles. Otherwise they are integers, 0 or more. */
  readonly isDouble?: boolean
}

/** What a record of a row has. */
export interface RecordPlan<Row> {
  readonly eventName: string
  readonly timeUs: (row: Row) => number
  readonly line: (row: Row) => string
  readonly attributes: readonly Attribute<Row>[]
}

const SEVERITY_NUMBER = 9
const SEVERITY_TEXT = 'INFO'
const TEST = 'tunmeter.test'
const DOUBLES = new Set(LOG_FIELDS.filter(({ type }) => type === 'number').map(({ name }) => name))

export function keyValue(
  key: string,
  value: string | number | boolean,
  isDouble = false,
): KeyValue {
  if (typeof value === 'string') return { key, value: { stringValue: value } }
  if (typeof value === 'boolean') return { key, value: { boolValue: value } }
  return { key, value: isDouble ? { doubleValue: value } : { intValue: String(value) } }
}

export function jsonRecords<Row>({ eventName, timeUs, line, attributes }: RecordPlan<Row>) {
  return (row: Row, isTest?: boolean): object => {
    const values: KeyValue[] = isTest ? [keyValue(TEST, true)] : []
    for (const { key, read, isDouble } of attributes) {
      const value = read(row)
      if (value !== null) values.push(keyValue(key, value, isDouble))
    }
    return {
      timeUnixNano: `${timeUs(row)}000`,
      ...{ severityNumber: SEVERITY_NUMBER, severityText: SEVERITY_TEXT, eventName },
      body: { stringValue: line(row) },
      attributes: values,
    }
  }
}

/** Writes a record's fields: a message without its tag and length. */
export function protobufRecords<Row>(plan: RecordPlan<Row>) {
  const same = new ProtobufWriter()
  same.varint(2, SEVERITY_NUMBER)
  same.text(3, SEVERITY_TEXT)
  same.text(12, plan.eventName)
  const constant = same.take()
  const attributes = plan.attributes.map(({ key, ...one }) => ({ ...one, key: keyBytes(key) }))
  const test = keyBytes(TEST)
  return (to: ProtobufWriter, row: Row, isTest?: boolean): void => {
    const [high, low] = nanosecondsOf(plan.timeUs(row))
    to.fixed64(1, high, low)
    to.raw(constant)
    const body = to.begin(5)
    to.text(1, plan.line(row))
    to.end(body)
    if (isTest) writeAttribute(to, 6, test, true, false)
    for (const { key, read, isDouble } of attributes) {
      const value = read(row)
      if (value !== null) writeAttribute(to, 6, key, value, isDouble === true)
    }
  }
}

function keyBytes(key: string): Buffer {
  const to = new ProtobufWriter()
  to.text(1, key)
  return to.take()
}

function writeAttribute(
  to: ProtobufWriter,
  field: number,
  key: Uint8Array,
  value: string | number | boolean,
  isDouble: boolean,
): void {
  const pair = to.begin(field)
  to.raw(key)
  const any = to.begin(2)
  if (typeof value === 'string') to.text(1, value)
  else if (typeof value === 'boolean') to.varint(2, value ? 1 : 0)
  else if (isDouble) to.double(4, value)
  else to.varint(3, value)
  to.end(any)
  to.end(pair)
}

/** A text or an integer, in a message that is not a record. */
export function writeKeyValue(
  to: ProtobufWriter,
  field: number,
  key: string,
  value: string | number,
): void {
  writeAttribute(to, field, keyBytes(key), value, false)
}

export function sessionPlan(columns: readonly string[] | null): RecordPlan<LogRow> {
  return {
    eventName: 'tunmeter.session',
    timeUs: ({ endTimeUs }) => endTimeUs,
    line: lineWriter(columns),
    attributes: placesOf('otlp', columns).map(({ path: key, fields: [name], read }) => ({
      ...{ key, read },
      isDouble: DOUBLES.has(name!),
    })),
  }
}

/** The line that log viewers show: `tcp 10.0.0.1:1024 > 10.0.0.2:443 SF`. */
function lineWriter(columns: readonly string[] | null): (row: LogRow) => string {
  const shown = ['protocol', 'sourceAddr', 'destAddr', 'connState']
    .filter((name) => columns === null || columns.includes(name))
    .map((name) => ({
      before: name === 'destAddr' ? '> ' : '',
      read: LOG_FIELDS.find((field) => field.name === name)!.read,
    }))
  return (row) => {
    let line = ''
    for (const { before, read } of shown) {
      const value = read(row)
      if (value !== null) line += `${line === '' ? '' : ' '}${before}${value}`
    }
    return line === '' ? 'session' : line
  }
}
