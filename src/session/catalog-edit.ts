/** One entry of a catalog set: what is given replaces what it had, all else stays as it is. */
import type { Catalog } from './catalog.js'

type Client = Catalog['clients'][number]
type User = Catalog['users'][number]
type Resource = Catalog['resources'][number]

/** Undefined: as it was; null: none. */
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

/** Says what is to be done, as a sentence for a person. */
export class CatalogEditError extends Error {}

/** By id, else by key (a renamed device is the same one), else by name; else it is a new one. */
export function setClient(catalog: Catalog, given: ClientGiven): Catalog {
  const { clients } = catalog
  const at = found(
    clients,
    given,
    (one) => one.clientId,
    (one) => given.publicKey != null && one.publicKey === given.publicKey,
  )
  const before: Client = clients[at] ?? {
    clientId: given.id ?? next(clients, (one) => one.clientId),
    name: given.name,
    addresses: [],
  }
  if (at < 0 && given.publicKey == null && (given.addresses ?? []).length === 0)
    throw new CatalogEditError(
      `there is no client "${given.name}": a new one needs --public-key or --address`,
    )
  const after = merged(before, {
    name: given.name,
    userId: given.userId,
    publicKey: given.publicKey,
    addresses: given.addresses === undefined ? undefined : [...given.addresses],
  })
  return { ...catalog, clients: put(clients, at, after) }
}

export function setUser(catalog: Catalog, given: UserGiven): Catalog {
  const { users } = catalog
  const at = users.findIndex((one) => one.userId === given.userId)
  const before: User = users[at] ?? { userId: given.userId, name: given.name ?? given.userId }
  const after = merged(before, { name: given.name, email: given.email })
  return { ...catalog, users: put(users, at, after) }
}

export function setSite(catalog: Catalog, { siteId, name }: SiteGiven): Catalog {
  const at = catalog.sites.findIndex((one) => one.siteId === siteId)
  return { ...catalog, sites: put(catalog.sites, at, { siteId, name }) }
}

/** Destinations replace all its entries; without them the others are set in each of its entries. */
export function setResource(catalog: Catalog, given: ResourceGiven): Catalog {
  const { resources } = catalog
  const at = found(resources, given, (one) => one.siteResourceId)
  const id = resources[at]?.siteResourceId ?? given.id ?? next(resources, (r) => r.siteResourceId)
  const before = resources.filter((one) => one.siteResourceId === id)
  if (before.length === 0 && (given.destinations ?? []).length === 0)
    throw new CatalogEditError(
      `there is no resource "${given.name}": a new one needs --destination`,
    )
  const set = {
    name: given.name,
    siteId: given.siteId,
    protocol: given.protocol,
    ports: given.ports === undefined ? undefined : [...given.ports],
  }
  const first = before[0] ?? { siteResourceId: id, name: given.name, ports: [] }
  const entries: Resource[] =
    given.destinations === undefined
      ? before.map((one) => merged(one, set))
      : given.destinations.map((destination) => merged({ ...first, destination }, set))
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

/** @returns its place, or -1 when it is a new one */
function found<T extends { readonly name: string }>(
  list: readonly T[],
  given: { readonly id?: number | undefined; readonly name: string },
  idOf: (one: T) => number,
  isIt: (one: T) => boolean = () => false,
): number {
  if (given.id !== undefined) return list.findIndex((one) => idOf(one) === given.id)
  const sure = list.findIndex(isIt)
  if (sure >= 0) return sure
  const named = list.filter((one) => one.name === given.name)
  const ids = [...new Set(named.map(idOf))]
  if (ids.length > 1)
    throw new CatalogEditError(
      `"${given.name}" is the name of ${ids.slice(0, 5).join(', ')}${ids.length > 5 ? ', …' : ''}: say which by --id`,
    )
  return named.length === 0 ? -1 : list.indexOf(named[0]!)
}

function next<T>(list: readonly T[], idOf: (one: T) => number): number {
  return list.reduce((max, one) => Math.max(max, idOf(one)), 0) + 1
}

function put<T>(list: readonly T[], at: number, one: T): T[] {
  return at < 0 ? [...list, one] : list.map((old, i) => (i === at ? one : old))
}

type Given<T> = { readonly [K in keyof T]?: T[K] | null | undefined }

function merged<T extends Readonly<Record<string, unknown>>>(before: T, given: Given<T>): T {
  const after = { ...before } as Record<string, unknown>
  for (const [field, value] of Object.entries(given))
    if (value === null) delete after[field]
    // Ports as numbers and as texts are the same.
    else if (
      value !== undefined &&
      !(Array.isArray(value) && String(value) === String(after[field]))
    )
      after[field] = value
  return after as T
}
