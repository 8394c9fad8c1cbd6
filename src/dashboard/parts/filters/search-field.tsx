import { useEffect, useRef, useState } from 'preact/hooks'
import { parseQuery } from '../../../session/query.js'
import { filterPatch, filtersOf } from '../../state/filters.js'
import { currentLocation, setParams } from '../../state/url.js'
import { SearchIcon } from '../icons.js'

const TYPING_PAUSE_MS = 300

/** Half of a term with a key is another term, or none: it waits for Enter. */
function isOfWords(text: string): boolean {
  try {
    return parseQuery(text).every(({ key }) => key === null)
  } catch {
    return false
  }
}

/** The query (docs/query.md). Words are applied when typing pauses. `/` comes here from anywhere. */
export function SearchField({ value }: { value: string }) {
  const [text, setText] = useState(value)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  // What is typed goes on while its beginning is searched for: only another text is taken from the address.
  const applied = useRef(value)
  useEffect(() => {
    if (value !== applied.current) {
      clearTimeout(timer.current)
      setText(value)
    }
    applied.current = value
  }, [value])
  useEffect(() => () => clearTimeout(timer.current), [])
  const apply = (next: string) => {
    clearTimeout(timer.current)
    const old = filtersOf(currentLocation().params).q?.[0] ?? ''
    if (next.trim() === old) return
    applied.current = next.trim()
    // One step back undoes the search, and not its last letters.
    setParams(filterPatch({ q: next.trim() }), { replace: old !== '' })
  }
  return (
    <search class="search-field">
      <SearchIcon />
      <input
        id="search"
        class="field"
        type="search"
        placeholder="Search names and addresses"
        aria-label="Search names and addresses"
        title="Press / to come here. Words, or terms and Enter: client:ada-* port:ssh -outcome:failed bytes>10MB"
        value={text}
        onInput={(event) => {
          const next = event.currentTarget.value
          setText(next)
          clearTimeout(timer.current)
          if (isOfWords(next)) timer.current = setTimeout(() => apply(next), TYPING_PAUSE_MS)
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter') apply(event.currentTarget.value)
          if (event.key === 'Escape') event.currentTarget.blur()
        }}
      />
    </search>
  )
}
