/** Events for Splunk: the fields of an export, and in addition the fields of Splunk's Common Information Model. */
import { nester } from '../../../session/field-code.js'
import type { EventWriter } from '../events.js'
import { nativeFields } from './native.js'
import { leavesOf, placesOf } from './places.js'

export function cimWriter(columns: readonly string[] | null): EventWriter {
  const eventOf = nester([
    ...nativeFields(columns).map(({ name, read }) => [[name], read] as const),
    ...leavesOf(placesOf('cim', columns)),
  ])
  return (row, isTest) => (isTest ? { test: true, ...eventOf(row) } : eventOf(row))
}
