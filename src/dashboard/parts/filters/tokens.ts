/** The filters that are set, as tokens to remove one by one: parameters of the address, and terms of its query. */

import { printQuery } from '../../../session/query.js'
import { formatBytes } from '../../format/bytes.js'
import { connStateText } from '../../format/words.js'
import { FILTERS, type FilterName, type Filters } from '../../state/filters.js'
import { dropTerm, setQuery, termsOf, termText } from '../../state/terms.js'
import { filters as texts } from '../../texts/filters.js'
import { dropFilter } from './change.js'
import { isNamed, type Names } from './names.js'

export interface Token {
  readonly id: string
  readonly text: string
  readonly negated: boolean
  readonly drop: () => void
}

function valueText(name: FilterName, value: string, names: Names): string {
  if (isNamed(name)) return names.nameOf(name, value)
  switch (name) {
    case 'minBytes':
      return formatBytes(Number(value))
    case 'connState':
      return connStateText(value)
    case 'state':
      return texts().states[value as keyof ReturnType<typeof texts>['states']] ?? value
    case 'protocol':
      return value.toUpperCase()
    default:
      return value
  }
}

export function parameterTokens(filters: Filters, names: Names): readonly Token[] {
  return FILTERS.filter((name) => name !== 'q').flatMap((name) =>
    (filters[name] ?? []).map((value) => ({
      id: `${name} ${value}`,
      text: texts().named(texts().labels[name], valueText(name, value, names)),
      negated: false,
      drop: () => dropFilter(name, value),
    })),
  )
}

export function queryTokens(query: string): readonly Token[] {
  const terms = termsOf(query)
  // A query with a mistake is one token, so that it can be removed.
  if (terms.length === 0 && query !== '')
    return [{ id: 'q', text: query, negated: false, drop: () => setQuery('') }]
  return terms.map((term, at) => ({
    id: `q ${at} ${printQuery([term])}`,
    text: termText(term),
    negated: term.negated,
    drop: () => dropTerm(term),
  }))
}
