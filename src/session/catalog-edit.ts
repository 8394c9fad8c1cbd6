/** Sets one entry of a catalog: values that are present replace the old ones, all others stay. */
import type { Catalog } from './catalog.js'

type Client = Catalog['clients'][number]
type User = Catalog['users'][number]
type Resource = Catalog['resources'][number]

/** Undefined: unchanged; null: none. */
export interface ClientGiven {
  readonly id?: number | undefined
  readonly name: string
  readonly userId?: string | null | undefined
  readonly publicKey?: string | null | undefined
  readonly addresses?: readonly string[] | undefined
}
export interface UserGiven {
  readonly userId: string
  readonly name?: string | undefined
  readonly email?: string | null | undefined
}
export interface ResourceGiven {
  readonly id?: number | undefined
  readonly name: string
  readonly siteId?: number | null | undefined
  readonly protocol?: 'tcp' | 'udp' | null | undefined
  readonly destinations?: readonly string[] | undefined
  readonly ports?: readonly (string | number)[] | undefined
}
export interface SiteGiven {
  readonly siteId: number
  readonly name: string
}

/** Its message tells a person what to do. */
export class CatalogEditError extends Error {}

/**
 * Finds the client by id, else by key (a renamed device is the same client), else by name;
 * otherwise adds a new one.
 */
export function setClient(catalog: Catalog, change: ClientGiven): Catalog {
  const { clients } = catalog
  const at = found(
    clients,
    change,
    (one) => one.clientId,
    (one) => change.publicKey != null && one.publicKey === change.publicKey,
  )
  const before: Client = clients[at] ?? {
    clientId: change.id ?? next(clients, (one) => one.clientId),
    name: change.name,
    addresses: [],
  }
  if (at < 0 && change.publicKey == null && (change.addresses ?? []).length === 0)
    throw new CatalogEditError(
      `there is no client "${change.name}": a new one needs --public-key or --address`,
    )
  const after = merged(before, {
    name: change.name,
    userId: change.userId,
    publicKey: change.publicKey,
    addresses: change.addresses === undefined ? undefined : [...change.addresses],
  })
  return { ...catalog, clients: put(clients, at, after) }
}

export function setUser(catalog: Catalog, change: UserGiven): Catalog {
  const { users } = catalog
  const at = users.findIndex((one) => one.userId === change.userId)
  const before: User = users[at] ?? { userId: change.userId, name: change.name ?? change.userId }
  const after = merged(before, { name: change.name, email: change.email })
  return { ...catalog, users: put(users, at, after) }
}

export function setSite(catalog: Catalog, { siteId, name }: SiteGiven): Catalog {
  const at = catalog.sites.findIndex((one) => one.siteId === siteId)
  return { ...catalog, sites: put(catalog.sites, at, { siteId, name }) }
}

/**
 * Destinations replace all entries of the resource. Without destinations, the other values are set
 * in each of its entries.
 */
export function setResource(catalog: Catalog, change: ResourceGiven): Catalog {
  const { resources } = catalog
  const at = found(resources, change, (one) => one.siteResourceId)
  const id = resources[at]?.siteResourceId ?? change.id ?? next(resources, (r) => r.siteResourceId)
  const before = resources.filter((one) => one.siteResourceId === id)
  if (before.length === 0 && (change.destinations ?? []).length === 0)
    throw new CatalogEditError(
      `there is no resource "${change.name}": a new one needs --destination`,
    )
  const set = {
    name: change.name,
    siteId: change.siteId,
    protocol: change.protocol,
    ports: change.ports === undefined ? undefined : [...change.ports],
  }
  const first = before[0] ?? { siteResourceId: id, name: change.name, ports: [] }
  const entries: Resource[] =
    change.destinations === undefined
      ? before.map((one) => merged(one, set))
      : change.destinations.map((destination) => merged({ ...first, destination }, set))
  const start = at < 0 ? resources.length : at
  const others = (one: Resource) => one.siteResourceId !== id
  return {
    ...catalog,
    resources: [
      ...resources.slice(0, start).filter(others),
      ...entries,
      ...resources.slice(start).filter(others),
    ],
  }
}

/** @returns the entry's place, or -1 for a new one */
function found<T extends { readonly name: string }>(
  list: readonly T[],
  change: { readonly id?: number | undefined; readonly name: string },
  idOf: (one: T) => number,
  isIt: (one: T) => boolean = () => false,
): number {
  if (change.id !== undefined) return list.findIndex((one) => idOf(one) === change.id)
  const sure = list.findIndex(isIt)
  if (sure >= 0) return sure
  const named = list.filter((one) => one.name === change.name)
  const ids = [...new Set(named.map(idOf))]
  if (ids.length > 1)
    throw new CatalogEditError(
      `"${change.name}" is the name of ${ids.slice(0, 5).join(', ')}${ids.length > 5 ? ', …' : ''}: say which by --id`,
    )
  return named.length === 0 ? -1 : list.indexOf(named[0]!)
}

function next<T>(list: readonly T[], idOf: (one: T) => number): number {
  return list.reduce((max, one) => Math.max(max, idOf(one)), 0) + 1
}

function put<T>(list: readonly T[], at: number, one: T): T[] {
  return at < 0 ? [...list, one] : list.map((old, i) => (i === at ? one : old))
}

type Change<T> = { readonly [K in keyof T]?: T[K] | null | undefined }

function merged<T extends Readonly<Record<string, unknown>>>(before: T, change: Change<T>): T {
  const after = { ...before } as Record<string, unknown>
  for (const [field, value] of Object.entries(change))
    if (value === null) delete after[field]
    // Ports as numbers and as texts count as equal.
    else if (
      value !== undefined &&
      !(Array.isArray(value) && String(value) === String(after[field]))
    )
      after[field] = value
  return after as T
}
