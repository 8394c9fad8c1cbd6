/**
 * Changes of the filters. Each reads what is set from the address and not from what is drawn: a second click can come
 * before the first one is shown, and must not undo it.
 */
import { type FilterName, filterPatch, filtersOf } from '../../state/filters.js'
import { currentLocation, setParams } from '../../state/url.js'

export function setFilter(name: FilterName, values: readonly string[]): void {
  setParams(filterPatch({ [name]: values }))
}

/** @param single of this filter only one value is held at a time */
export function toggleFilter(name: FilterName, value: string, single = false): void {
  const set = valuesOf(name)
  if (set.includes(value)) dropFilter(name, value)
  else setFilter(name, single ? [value] : [...set, value])
}

export function dropFilter(name: FilterName, value: string): void {
  setFilter(
    name,
    valuesOf(name).filter((one) => one !== value),
  )
}

function valuesOf(name: FilterName): readonly string[] {
  return filtersOf(currentLocation().params)[name] ?? []
}
