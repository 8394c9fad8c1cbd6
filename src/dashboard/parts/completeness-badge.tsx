/** The header's badge: whether anything is missing in the time range. It leads to the sites. */

import { useEffect } from 'preact/hooks'
import { completeness, fetchCompleteness } from '../api/completeness.js'
import { useQuery, useRefresh } from '../api/use-query.js'
import { spanQuery } from '../state/filters.js'
import { pageHref } from '../state/page-href.js'
import { rangeLabel, rangeOf, spanOf } from '../state/range.js'
import { useStore } from '../state/store.js'
import { followLink, useLocation } from '../state/url.js'
import { zone } from '../state/zone.js'
import { completeness as texts } from '../texts/completeness.js'
import { badgeText, sentenceOf, toneOf } from './completeness-text.js'

const REFRESH_MS = 30_000

export function CompletenessBadge({ orgId }: { orgId: string }) {
  useAsking(orgId)
  const { params } = useLocation()
  const answer = useStore(completeness)
  if (answer === undefined) return null
  const title = texts().inRange(rangeLabel(rangeOf(params)), sentenceOf(answer))
  return (
    <a
      class={`badge ${toneOf(answer)} completeness-badge`}
      href={pageHref('/sites')}
      title={title}
      onClick={followLink}
    >
      <span class="visually-hidden">{texts().label}</span>
      {badgeText(answer)}
    </a>
  )
}

/** Loads completeness again with each change of page, organisation or range, and every REFRESH_MS. */
function useAsking(orgId: string): void {
  const { path, params } = useLocation()
  const range = rangeOf(params)
  // A day begins at another time in another zone.
  const key = JSON.stringify(['completeness', orgId, path, range, useStore(zone)])
  const query = useQuery(key, (signal) =>
    fetchCompleteness(orgId, spanQuery(spanOf(range, Date.now())), signal),
  )
  const { data, of } = useRefresh(query, REFRESH_MS)
  useEffect(() => {
    if (of === key) completeness.set(data)
  }, [of, key, data])
  useEffect(() => () => completeness.set(undefined), [orgId])
}
