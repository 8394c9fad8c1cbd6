import { useEffect, useRef, useState } from 'preact/hooks'
import { parseQuery, printQuery, QUERY_CHARACTERS_MAX, QueryFault } from '../../../session/query.js'
import { meaningOf } from '../../../session/query-meaning.js'
import { isAddressFilter } from '../../format/address.js'
import { queryOf, setQuery, termsOf } from '../../state/terms.js'

const TYPING_PAUSE_MS = 300

export interface Draft {
  /** What is being typed. */
  readonly text: string
  /** What is set, without what is being typed. */
  readonly committed: string
  readonly fault: string | null
  type(text: string): void
  /** Takes another text in its place; words that were applied while they were typed go. */
  write(text: string): void
  /** What was typed is set without its end, for which something was chosen. */
  take(before: string): void
  /** @returns whether it could be read */
  commit(): boolean
  /** The field loses the focus: words that were searched for are set. */
  leave(): void
}

/** Half of a term with a key is another term, or none: it waits for Enter. */
function isOfWords(text: string): boolean {
  try {
    return parseQuery(text).every(({ key }) => key === null)
  } catch {
    return false
  }
}

const joined = (committed: string, text: string) => `${committed} ${text.trim()}`.trim()

/** Words are applied when typing pauses, beside what is set. @param query of the address */
export function useDraft(query: string): Draft {
  const [text, setText] = useState('')
  const [fault, setFault] = useState<string | null>(null)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  // What is typed goes on while its beginning is searched for: only another query is taken from the address.
  const applied = useRef({ query, committed: query })
  const isOwn = query === applied.current.query
  const committed = isOwn ? applied.current.committed : query
  useEffect(() => {
    if (query === applied.current.query) return
    clearTimeout(timer.current)
    applied.current = { query, committed: query }
    setText('')
  }, [query])
  useEffect(() => () => clearTimeout(timer.current), [])
  const readable = () => {
    const printed = printQuery(termsOf(committed))
    return printed === '' ? committed : printed
  }
  const apply = (next: string) => {
    clearTimeout(timer.current)
    const base = readable()
    const full = joined(base, next)
    if (full === queryOf()) return
    // One step back undoes the search, and not its last letters.
    const replace = queryOf() !== committed
    applied.current = { query: full, committed: base }
    setQuery(full, { replace })
  }
  const settle = (full: string) => {
    clearTimeout(timer.current)
    applied.current = { query: full, committed: full }
    setText('')
    setFault(null)
    setQuery(full, { replace: queryOf() !== committed })
  }
  return {
    text,
    committed,
    fault,
    type(next) {
      setText(next)
      setFault(null)
      clearTimeout(timer.current)
      if (isOfWords(next)) timer.current = setTimeout(() => apply(next), TYPING_PAUSE_MS)
    },
    write(next) {
      if (queryOf() !== committed) settle(committed)
      clearTimeout(timer.current)
      setFault(null)
      setText(next)
    },
    take: (before) => settle(joined(readable(), printQuery(termsOf(before)))),
    commit() {
      try {
        const terms = parseQuery(text)
        for (const term of terms) meaningOf(term, (one) => isAddressFilter(one) || undefined)
        const full = joined(readable(), printQuery(terms))
        if (full.length > QUERY_CHARACTERS_MAX)
          throw new QueryFault(`expected at most ${QUERY_CHARACTERS_MAX} characters`)
        settle(full)
        return true
      } catch (error) {
        if (!(error instanceof QueryFault)) throw error
        setFault(error.message)
        return false
      }
    },
    leave() {
      if (text.trim() === '' || !isOfWords(text)) return
      settle(joined(readable(), printQuery(parseQuery(text))))
    },
  }
}
