/** The query in the address (`q`, docs/query.md), term by term. */

import { parseQuery, printQuery, type QueryKey, type QueryTerm } from '../../session/query.js'
import { filters } from '../texts/filters.js'
import { filterPatch, filtersOf } from './filters.js'
import { currentLocation, type NavigateOptions, type ParamPatch, setParams } from './url.js'

/** Empty for a query with a mistake; the server's answer names the mistake. */
export function termsOf(query: string): readonly QueryTerm[] {
  try {
    return parseQuery(query)
  } catch {
    return []
  }
}

export function queryOf(params = currentLocation().params): string {
  return filtersOf(params).q?.[0] ?? ''
}

/** A term for exactly this value, without wildcards. */
export function exactTerm(key: QueryKey, value: string, negated: boolean): QueryTerm {
  return { negated, key, operator: ':', values: [{ text: value, quoted: !isWord(value) }] }
}

/** Other texts need quotes: spaces, quotes, commas, `*` and `none` have a meaning in the language. */
function isWord(text: string): boolean {
  return text !== '' && !/[\s"*,]/.test(text) && text !== 'none'
}

/** @param more changes with it, such as a time range */
export function setQuery(query: string, options?: NavigateOptions, more: ParamPatch = {}): void {
  setParams(filterPatch({ ...more, q: query.trim() }), options)
}

/** Two terms are the same when they print the same. */
function without(terms: readonly QueryTerm[], term: QueryTerm): readonly QueryTerm[] {
  const text = printQuery([term])
  return terms.filter((one) => printQuery([one]) !== text)
}

export function dropTerm(term: QueryTerm): void {
  setQuery(printQuery(without(termsOf(queryOf()), term)))
}

export function toggleTerm(term: QueryTerm): void {
  const terms = termsOf(queryOf())
  if (hasTerm(terms, term)) dropTerm(term)
  else setQuery(printQuery([...terms, term]))
}

export function hasTerm(terms: readonly QueryTerm[], term: QueryTerm): boolean {
  return without(terms, term).length < terms.length
}

/** `not client: ada-*`, `bytes over 10MB`, `orders`. */
export function termText({ negated, key, operator, values }: QueryTerm): string {
  const { not, or, operators } = filters()
  const value = values.map(({ text }) => text).join(` ${or} `)
  const relation = operator === ':' ? ':' : ` ${operators[operator]}`
  const start = key === null ? '' : `${key}${relation} `
  return `${negated ? `${not} ` : ''}${start}${value}`
}
