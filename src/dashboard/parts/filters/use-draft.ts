import { useEffect, useRef, useState } from 'preact/hooks'
import { parseQuery, printQuery, QUERY_CHARACTERS_MAX, QueryFault } from '../../../session/query.js'
import { meaningOf } from '../../../session/query-meaning.js'
import { isAddressFilter } from '../../format/address.js'
import { rangeParams } from '../../state/range.js'
import { queryOf, setQuery, termsOf } from '../../state/terms.js'
import { spanOfText, splitTime } from '../../state/typed-range.js'
import type { ParamPatch } from '../../state/url.js'
import { filters } from '../../texts/filters.js'
import { rangeFaultText } from '../range-fault.js'

const TYPING_PAUSE_MS = 300

export interface Draft {
  /** The text in the field. */
  readonly text: string
  /** The query that is set, without the text in the field. */
  readonly committed: string
  readonly fault: string | null
  type(text: string): void
  /** Replaces the text, and takes back words that were applied while they were typed. */
  write(text: string): void
  /** Sets the text before the fragment. A chosen suggestion replaces the fragment. */
  take(before: string): void
  /** Sets the text. @returns false when it has a mistake, which is then the fault */
  commit(): boolean
  /** The field loses the focus: sets plain words. */
  leave(): void
}

/** Plain words only. A term with a key waits for Enter, because half of it can be another term. */
function isOfWords(text: string): boolean {
  if (splitTime(text).time !== null) return false
  try {
    return parseQuery(text).every(({ key }) => key === null)
  } catch {
    return false
  }
}

/** @throws RangeFault, MomentFault */
function rangeOfText(text: string): ParamPatch {
  return rangeParams({ kind: 'custom', ...spanOfText(text, Date.now()) })
}

const joined = (committed: string, text: string) => `${committed} ${text.trim()}`.trim()

/**
 * The text of the query bar. Plain words apply when typing pauses, beside the query that is set.
 * @param query the query of the address
 */
export function useDraft(query: string): Draft {
  const [text, setText] = useState('')
  const [fault, setFault] = useState<string | null>(null)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  // Typing goes on while the first words are already in the address, so only a query from elsewhere empties the field.
  const applied = useRef({ query, committed: query })
  const isOwn = query === applied.current.query
  const committed = isOwn ? applied.current.committed : query
  useEffect(() => {
    // A rendering that the address has overtaken says nothing.
    if (query === applied.current.query || query !== queryOf()) return
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
    // Back undoes the whole search, not its last letters.
    const replace = queryOf() !== committed
    applied.current = { query: full, committed: base }
    setQuery(full, { replace })
  }
  const settle = (full: string, range: ParamPatch = {}) => {
    clearTimeout(timer.current)
    applied.current = { query: full, committed: full }
    setText('')
    setFault(null)
    setQuery(full, { replace: queryOf() !== committed }, range)
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
        const { time, rest } = splitTime(text)
        const terms = parseQuery(rest)
        for (const term of terms) meaningOf(term, (one) => isAddressFilter(one) || undefined)
        const full = joined(readable(), printQuery(terms))
        if (full.length > QUERY_CHARACTERS_MAX)
          throw new QueryFault({ code: 'characters', most: QUERY_CHARACTERS_MAX })
        settle(full, time === null ? {} : rangeOfText(time))
        return true
      } catch (error) {
        const isQuery = error instanceof QueryFault
        setFault(isQuery ? filters().mistake(error.mistake) : rangeFaultText(error))
        return false
      }
    },
    leave() {
      if (text.trim() === '' || !isOfWords(text)) return
      settle(joined(readable(), printQuery(parseQuery(text))))
    },
  }
}
