/**
 * Names for ids. Counts bring the names of the 100 most frequent values, but only while a list of values is open. All
 * other names come from the catalog, which loads when one of them is first needed.
 */

import { useMemo } from 'preact/hooks'
import type { Catalog } from '../../../session/catalog.js'
import { fetchCatalog } from '../../api/admin.js'
import type { FilterAttributes } from '../../api/types.js'
import { useQuery } from '../../api/use-query.js'
import type { FilterName, Filters } from '../../state/filters.js'
import { NONE } from '../../state/groups.js'
import { common } from '../../texts/common.js'

/** The API counts at most this many values of each kind. */
const COUNTED_MAX = 100

export const NAMED = ['siteResourceId', 'clientId', 'userId', 'siteId'] as const
export type NamedFilter = (typeof NAMED)[number]

export function isNamed(name: FilterName): name is NamedFilter {
  return (NAMED as readonly FilterName[]).includes(name)
}

/** `Client 7`, for an entry without a name. */
function unnamed(filter: NamedFilter, id: string | number): string {
  const { client, user, resource, site } = common().unnamed
  const texts = { siteResourceId: resource, clientId: client, userId: user, siteId: site }
  return texts[filter](id)
}

export interface NamedOption {
  readonly value: string
  readonly label: string
  readonly detail?: string
  readonly count?: number
}

type Options = Readonly<Record<NamedFilter, readonly NamedOption[]>>

export interface Names {
  /** With counts; undefined before the first count. */
  readonly counted: Options | undefined
  /** The other entries of the catalog, without counts. */
  readonly others: Options | undefined
  nameOf(filter: NamedFilter, value: string): string
}

interface Item {
  readonly id: string | number
  readonly name: string | null
  readonly detail?: string | null | undefined
  readonly count?: number
}

function options(filter: NamedFilter, items: readonly Item[]): readonly NamedOption[] {
  return items.map(({ id, name, detail, count }) => ({
    value: String(id),
    label: name ?? unnamed(filter, id),
    ...(detail && { detail }),
    ...(count !== undefined && { count }),
  }))
}

const withEmail = ({ email, name }: { email: string | null; name: string | null }) =>
  name === null ? { name: email } : { name, detail: email }

function countedOptions(attributes: FilterAttributes): Options {
  const users = attributes.users.map((user) => ({ ...user, ...withEmail(user) }))
  return {
    siteResourceId: options('siteResourceId', attributes.resources),
    clientId: options('clientId', attributes.clients),
    userId: options('userId', users),
    siteId: options('siteId', attributes.sites),
  }
}

function catalogOptions(catalog: Catalog): Options {
  const { resources, clients, users, sites } = catalog
  const items: Readonly<Record<NamedFilter, readonly Item[]>> = {
    siteResourceId: resources.map(({ siteResourceId: id, name }) => ({ id, name })),
    clientId: clients.map(({ clientId: id, name }) => ({ id, name })),
    userId: users.map(({ userId: id, name, email }) => ({ id, name, detail: email })),
    siteId: sites.map(({ siteId: id, name }) => ({ id, name })),
  }
  return {
    siteResourceId: options('siteResourceId', items.siteResourceId),
    clientId: options('clientId', items.clientId),
    userId: options('userId', items.userId),
    siteId: options('siteId', items.siteId),
  }
}

function without(all: Options, some: Options): Options {
  const left = (filter: NamedFilter) => {
    const known = new Set(some[filter].map(({ value }) => value))
    return all[filter].filter(({ value }) => !known.has(value))
  }
  return {
    siteResourceId: left('siteResourceId'),
    clientId: left('clientId'),
    userId: left('userId'),
    siteId: left('siteId'),
  }
}

export function useNames(
  orgId: string,
  filters: Filters,
  attributes: FilterAttributes | undefined,
): Names {
  const counted = useMemo(() => (attributes ? countedOptions(attributes) : undefined), [attributes])
  const known = (filter: NamedFilter, value: string) =>
    counted?.[filter].find((option) => option.value === value)
  const unknown = NAMED.some((filter) =>
    filters[filter]?.some((value) => value !== NONE && known(filter, value) === undefined),
  )
  const bounded =
    counted !== undefined && NAMED.some((filter) => counted[filter].length >= COUNTED_MAX)
  const catalog = useQuery(bounded || unknown ? `catalog ${orgId}` : null, (signal) =>
    fetchCatalog(orgId, signal),
  )
  const listed = useMemo(
    () => (catalog.data === undefined ? undefined : catalogOptions(catalog.data)),
    [catalog.data],
  )
  const others = useMemo(
    () => (listed && counted ? without(listed, counted) : listed),
    [listed, counted],
  )
  return {
    counted,
    others,
    nameOf(filter, value) {
      if (value === NONE) return common().none
      const option = known(filter, value) ?? listed?.[filter].find((one) => one.value === value)
      return option?.label ?? unnamed(filter, value)
    },
  }
}
