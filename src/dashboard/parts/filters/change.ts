/**
 * Changes of the filters. Each reads what is set from the address and not from what is drawn: a second click can come
 * before the first one is shown, and must not undo it.
 */
import type { QueryKey, QueryTerm } from '../../../session/query.js'
import { type FilterName, type Filters, filterPatch, filtersOf } from '../../state/filters.js'
import { NONE } from '../../state/groups.js'
import { exactTerm, hasTerm, termsOf, toggleTerm } from '../../state/terms.js'
import { currentLocation, setParams } from '../../state/url.js'

export function setFilter(name: FilterName, values: readonly string[]): void {
  setParams(filterPatch({ [name]: values }))
}

export function toggleFilter(name: FilterName, value: string): void {
  const set = valuesOf(name)
  if (set.includes(value)) dropFilter(name, value)
  else setFilter(name, [...set, value])
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

/** Something that the sessions shown can be narrowed to, or that can be left out of them. */
export interface Choice {
  /** The language's word for its kind. */
  readonly key: QueryKey
  /** A name, or an id where there is none; null: sessions without one. */
  readonly value: string | null
  /** The API's parameter for it; none: the query says it. */
  readonly filter?: { readonly name: FilterName; readonly value: string }
}

function termOf({ key, value }: Choice, negated: boolean): QueryTerm {
  if (value !== null) return exactTerm(key, value, negated)
  return { negated, key, operator: ':', values: [{ text: NONE, quoted: false }] }
}

export function toggleOnly(choice: Choice): void {
  if (choice.filter) toggleFilter(choice.filter.name, choice.filter.value)
  else toggleTerm(termOf(choice, false))
}

export function toggleNot(choice: Choice): void {
  toggleTerm(termOf(choice, true))
}

export function isOnly(choice: Choice, filters: Filters): boolean {
  const { filter } = choice
  if (filter) return filters[filter.name]?.includes(filter.value) ?? false
  return hasTerm(termsOf(filters.q?.[0] ?? ''), termOf(choice, false))
}

export function choiceOf(
  key: QueryKey,
  filter: FilterName,
  { id, name }: { readonly id: string | number | null; readonly name: string | null },
): Choice {
  return {
    key,
    value: id === null ? null : (name ?? String(id)),
    filter: { name: filter, value: id === null ? NONE : String(id) },
  }
}
