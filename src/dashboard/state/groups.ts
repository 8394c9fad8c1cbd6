/** The groups of summaries: for each its name, the filter for its sessions, and its page. */
import { common } from '../texts/common.js'
import { entityHref } from './entity.js'
import type { FilterName, Filters } from './filters.js'

export const GROUPS = ['resource', 'client', 'user'] as const
export type Group = (typeof GROUPS)[number]

interface Named {
  readonly id: string | null
  readonly name: string | null
  readonly other?: boolean
}

export const GROUP_FILTERS: Readonly<Record<Group, FilterName>> = {
  resource: 'siteResourceId',
  client: 'clientId',
  user: 'userId',
}

/** The API's filter value for sessions without a client, user, resource or site. */
export const NONE = 'none'

/** The filter that shows the sessions of a group; null for "all others", which no filter can name. */
export function groupFilter(group: Group, { id, other }: Named): Filters | null {
  return other ? null : { [GROUP_FILTERS[group]]: [id ?? NONE] }
}

/** The page of the client, user or resource; null for sessions without one, and for "all others". */
export function groupHref(group: Group, { id, other }: Named): string | null {
  return other || id === null ? null : entityHref({ kind: group, id })
}

export function groupName(group: Group, { id, name, other }: Named): string {
  if (other) return common().allOthers
  if (id === null) return common().without[group]
  return name ?? common().unnamed[group](id)
}
