/** Events for Splunk: the fields of an export, and in addition the fields of Splunk's Common Information Model. */
import type { EventWriter } from '../events.js'
import { nativeFields } from './native.js'
import { placesOf, type Tree, treeOf } from './places.js'

export function cimWriter(columns: readonly string[] | null): EventWriter {
  const fields = nativeFields(columns)
  const places = placesOf('cim', columns)
  return (row, isTest) => {
    const event: Tree = isTest ? { test: true } : {}
    for (const { name, read } of fields) event[name] = read(row)
    return JSON.stringify(treeOf(places, row, event))
  }
}
