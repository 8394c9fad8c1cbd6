import { useEffect, useState } from 'preact/hooks'

/** Up to this width the log's table is a list of cards. The style sheets have the same number. */
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
