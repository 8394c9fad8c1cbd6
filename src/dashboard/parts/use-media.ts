import { useEffect, useState } from 'preact/hooks'

/** Below this the table becomes a list of cards; the same number stands in the style sheets. */
export const NARROW = '(max-width: 760px)'

export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => window.matchMedia(query).matches)
  useEffect(() => {
    const list = window.matchMedia(query)
    const update = () => setMatches(list.matches)
    update()
    list.addEventListener('change', update)
    return () => list.removeEventListener('change', update)
  }, [query])
  return matches
}
