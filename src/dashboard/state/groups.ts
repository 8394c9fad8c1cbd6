/** The groups of summaries: for each its name, the filter for its sessions, and its page. */
import { entityHref } from './entity.js'
import type { FilterName, Filters } from './filters.js'

export const GROUPS = ['resource', 'client', 'user'] as const
export type Group = (typeof GROUPS)[number]

export const GROUP_LABELS: Readonly<Record<Group, string>> = {
  resource: 'Resource',
  client: 'Client',
  user: 'User',
}

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

const WITHOUT: Readonly<Record<Group, string>> = {
  resource: 'Not in the catalog',
  client: 'Unknown client',
  user: 'No user',
}

export function groupName(group: Group, { id, name, other }: Named): string {
  if (other) return 'All others'
  if (id === null) return WITHOUT[group]
  return name ?? `${GROUP_LABELS[group]} ${id}`
}
