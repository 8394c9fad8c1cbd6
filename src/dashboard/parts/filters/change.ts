/**
 * Changes of the filters. Each reads the filters from the address, not from the last render, because a second click can
 * come before the first is rendered and must not undo it.
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

/** A value to filter by or to exclude. */
export interface Choice {
  /** The key of the query language, such as `client`. */
  readonly key: QueryKey
  /** A name, or an id without a name; null: sessions without a client (user, …). */
  readonly value: string | null
  /** The API's parameter for it; without one, a term of the query. */
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
