/** When the client, the user's clients or those of a site were connected lately, and from where. */

import { fetchConnections } from '../../api/peers.js'
import { useQuery } from '../../api/use-query.js'
import { ConnectionTable } from '../../parts/connections.js'
import { ENTITY_FILTERS, type Entity } from '../../state/entity.js'
import { spanQuery } from '../../state/filters.js'
import { pageHref } from '../../state/page-href.js'
import type { Span } from '../../state/range.js'
import { followLink } from '../../state/url.js'
import { entity as texts } from '../../texts/entity.js'

const SHOWN = 8

interface ConnectedCardProps {
  readonly orgId: string
  readonly entity: Entity
  readonly span: Span
  readonly refreshedMs: number
}

/** Nothing is shown where nothing is known: of other tunnels than WireGuard there are no peers. */
export function ConnectedCard({ orgId, entity, span, refreshedMs }: ConnectedCardProps) {
  const { kind, id } = entity
  const of = { [ENTITY_FILTERS[kind]]: id }
  const key = JSON.stringify(['connected', orgId, kind, id, span, refreshedMs])
  const { data } = useQuery(key, (signal) =>
    fetchConnections(orgId, { ...of, ...spanQuery(span), limit: SHOWN }, signal),
  )
  if (data === undefined || data.connections.length === 0) return null
  const all = (view: string | null) => pageHref('/connected', { ...of, view })
  return (
    <section class="card" aria-label={texts().connected}>
      <div class="card-head">
        <h2>{texts().connected}</h2>
        <span class="space" />
        <a href={all(null)} onClick={followLink}>
          {data.more ? texts().allConnections : texts().connections}
        </a>
        <a href={all('events')} onClick={followLink}>
          {texts().events}
        </a>
      </div>
      <div class="card-body">
        <ConnectionTable rows={data.connections} ofOne={kind === 'client'} />
      </div>
    </section>
  )
}
