/** Says so where the catalog lets the meters keep less than all sessions of what the page is about. */

import { fetchCatalog } from '../../api/admin.js'
import { useQuery } from '../../api/use-query.js'
import { lessKept } from '../../parts/kept.js'
import type { Entity } from '../../state/entity.js'
import { pageHref } from '../../state/page-href.js'
import { followLink } from '../../state/url.js'
import { entity as texts } from '../../texts/entity.js'

/** A user may have many clients. */
const SAID_MAX = 5

export function KeptNote({ orgId, entity }: { orgId: string; entity: Entity }) {
  const { data } = useQuery(`catalog ${orgId}`, (signal) => fetchCatalog(orgId, signal))
  const all = data === undefined ? [] : lessKept(entity, data)
  if (all.length === 0) return null
  const said = all.slice(0, SAID_MAX).map(({ of, kept }) => `${of}: ${kept}`)
  const rest = all.length - said.length
  return (
    <p class="note kept-note">
      {texts().lessKept(said.join('; '), rest)}{' '}
      <a href={pageHref('/settings')} onClick={followLink}>
        {texts().catalog}
      </a>
    </p>
  )
}
