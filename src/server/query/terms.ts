/** Turns the text of a query into the store's terms. */
import { parseQuery } from '../../session/query.js'
import { meaningOf } from '../../session/query-meaning.js'
import type { AddressFilter, LogTerm } from '../store/store.js'

export interface Terms {
  /** Set instead of terms if the query is a single word. */
  readonly text?: string
  readonly terms?: readonly LogTerm[]
}

type AddressReader = (text: string) => AddressFilter | undefined

/** @throws QueryFault */
export function termsOf(query: string, addressOf: AddressReader): Terms {
  const terms = parseQuery(query)
  const [only] = terms
  if (only === undefined) return {}
  if (terms.length === 1 && only.key === null && !only.negated)
    return { text: only.values[0]!.text }
  return { terms: terms.map((term) => ({ negated: term.negated, ...meaningOf(term, addressOf) })) }
}
