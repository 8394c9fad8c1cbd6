/** The name of a client or resource in who used what. It leads to its page. */
import type { Matrix } from '../../api/types.js'
import { type Group, groupHref, groupName } from '../../state/groups.js'
import { followLink } from '../../state/url.js'

export type Side = Matrix['rows'][number]

export function Name({ group, row }: { group: Group; row: Side }) {
  const name = groupName(group, row)
  const href = groupHref(group, row)
  if (href === null) return <span title={name}>{name}</span>
  return (
    <a href={href} title={name} onClick={followLink}>
      {name}
    </a>
  )
}
