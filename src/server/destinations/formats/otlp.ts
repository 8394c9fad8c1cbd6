/** A log record in the JSON mapping of OTLP: 64-bit integers as texts, enums as numbers. */
import { LOG_FIELDS } from '../../query/api-row.js'
import type { LogRow } from '../../store/store.js'
import type { EventWriter } from '../events.js'
import { placesOf, type Value } from './places.js'

export type AnyValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: string }
  | { readonly doubleValue: number }

export interface KeyValue {
  readonly key: string
  readonly value: AnyValue
}

export interface LogRecord {
  readonly timeUnixNano: string
  readonly observedTimeUnixNano: string
  readonly severityNumber: number
  readonly severityText: string
  readonly eventName: string
  readonly body: AnyValue
  readonly attributes: readonly KeyValue[]
}

const INFO = { severityNumber: 9, severityText: 'INFO' } as const
const DOUBLES = new Set(LOG_FIELDS.filter(({ type }) => type === 'number').map(({ name }) => name))

function anyValue(value: string | number | boolean, isDouble: boolean): AnyValue {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  return isDouble ? { doubleValue: value } : { intValue: String(value) }
}

export function keyValue(
  key: string,
  value: string | number | boolean,
  isDouble = false,
): KeyValue {
  return { key, value: anyValue(value, isDouble) }
}

/** Leaves out observedTimeUnixNano, which the delivery adds. */
export function otlpWriter(columns: readonly string[] | null): EventWriter {
  const places = placesOf('otlp', columns).map(({ path: key, fields: [name], read }) => ({
    ...{ key, read },
    isDouble: DOUBLES.has(name!),
  }))
  const lineOf = lineWriter(columns)
  return (row, isTest) => {
    const attributes: KeyValue[] = isTest ? [keyValue('tunmeter.test', true)] : []
    for (const { key, read, isDouble } of places) {
      const value = read(row)
      if (value !== null) attributes.push(keyValue(key, value, isDouble))
    }
    return {
      timeUnixNano: `${row.endTimeUs}000`,
      ...INFO,
      eventName: 'tunmeter.session',
      body: { stringValue: lineOf(row) },
      attributes,
    }
  }
}

/** The line that log viewers show: `tcp 10.0.0.1:1024 > 10.0.0.2:443 SF`. */
function lineWriter(columns: readonly string[] | null): (row: LogRow) => string {
  const shown = ['protocol', 'sourceAddr', 'destAddr', 'connState']
    .filter((name) => columns === null || columns.includes(name))
    .map((name) => LOG_FIELDS.find((field) => field.name === name)!)
  return (row) => {
    const words: Value[] = shown.flatMap(({ name, read }) => {
      const value = read(row)
      return value === null ? [] : name === 'destAddr' ? ['>', value] : [value]
    })
    return words.length === 0 ? 'session' : words.join(' ')
  }
}
