/**
 * The difference between two catalogs, by id and with names, so that a person can judge it before
 * the replacement.
 */
import type { Catalog } from './catalog.js'

export interface CatalogEntry {
  readonly id: number | string
  readonly name: string
}
export interface ChangedEntry extends CatalogEntry {
  /** Its name before. */
  readonly was: string
  /** The fields that differ; `entries`: a resource has more or fewer entries. */
  readonly fields: readonly string[]
}
export interface ListChanges {
  readonly added: readonly CatalogEntry[]
  readonly removed: readonly CatalogEntry[]
  readonly changed: readonly ChangedEntry[]
}
export type CatalogChanges = Readonly<Record<keyof Catalog, ListChanges>>

/** With these bounds a summary has a few KiB at most. */
const NAMES_MAX = 5
const NAME_LENGTH_MAX = 60

interface Short {
  readonly count: number
  readonly first: readonly CatalogEntry[]
}

/**
 * A summary for the audit trail: the count and the first entries of each list. Lists without a
 * change are left out.
 */
export function changesInShort(
  changes: CatalogChanges,
): Partial<Record<keyof Catalog, Partial<Record<keyof ListChanges, Short>>>> {
  const short = (all: readonly CatalogEntry[]): Short => ({
    count: all.length,
    first: all.slice(0, NAMES_MAX).map(({ id, name, ...rest }) => ({
      id: typeof id === 'string' ? id.slice(0, NAME_LENGTH_MAX) : id,
      name: name.slice(0, NAME_LENGTH_MAX),
      ...('was' in rest && { was: String(rest.was).slice(0, NAME_LENGTH_MAX) }),
      ...('fields' in rest && { fields: rest.fields }),
    })),
  })
  const changed = CATALOG_LISTS.flatMap((list) => {
    const own = Object.entries(changes[list])
      .filter(([, all]) => all.length > 0)
      .map(([what, all]) => [what, short(all)])
    return own.length === 0 ? [] : [[list, Object.fromEntries(own)]]
  })
  return Object.fromEntries(changed)
}

type Entry = Readonly<Record<string, unknown>> & { readonly name: string }

const IDS = {
  clients: 'clientId',
  users: 'userId',
  sites: 'siteId',
  resources: 'siteResourceId',
  prefixes: 'prefix',
} as const satisfies Record<keyof Catalog, string>
export const CATALOG_LISTS = Object.keys(IDS) as (keyof Catalog)[]

export function isEmptyCatalog(catalog: Catalog): boolean {
  return CATALOG_LISTS.every((list) => (catalog[list] ?? []).length === 0)
}

export function catalogChanges(before: Catalog, after: Catalog): CatalogChanges {
  const of = (list: keyof Catalog) =>
    listChanges(byId(before[list] ?? [], IDS[list]), byId(after[list] ?? [], IDS[list]))
  return {
    clients: of('clients'),
    users: of('users'),
    sites: of('sites'),
    resources: of('resources'),
    prefixes: of('prefixes'),
  }
}

export function hasChanges(changes: CatalogChanges): boolean {
  return CATALOG_LISTS.some((list) => {
    const { added, removed, changed } = changes[list]
    return added.length + removed.length + changed.length > 0
  })
}

type ById = ReadonlyMap<number | string, readonly Entry[]>

/** A resource has an entry for each destination and protocol; all others have one. */
function byId(list: NonNullable<Catalog[keyof Catalog]>, id: string): ById {
  const found = new Map<number | string, Entry[]>()
  for (const one of list as readonly Entry[]) {
    const key = one[id] as number | string
    const entries = found.get(key)
    if (entries === undefined) found.set(key, [one])
    else entries.push(one)
  }
  return found
}

function listChanges(before: ById, after: ById): ListChanges {
  const added: CatalogEntry[] = []
  const changed: ChangedEntry[] = []
  for (const [id, entries] of after) {
    const { name } = entries[0]!
    const old = before.get(id)
    if (old === undefined) {
      added.push({ id, name })
      continue
    }
    const fields = differences(old, entries)
    if (fields.length > 0) changed.push({ id, name, was: old[0]!.name, fields })
  }
  const removed = [...before].flatMap(([id, [first]]) =>
    after.has(id) ? [] : [{ id, name: first!.name }],
  )
  return { added, removed, changed }
}

function differences(before: readonly Entry[], after: readonly Entry[]): string[] {
  if (before.length !== after.length) return ['entries']
  const fields = new Set<string>()
  for (const [i, entry] of after.entries()) {
    const old = before[i]!
    for (const field of new Set([...Object.keys(old), ...Object.keys(entry)]))
      if (textOf(old[field]) !== textOf(entry[field])) fields.add(field)
  }
  return [...fields]
}

/** An absent value, null and an empty list mean the same. */
function textOf(value: unknown): string {
  return value == null || (Array.isArray(value) && value.length === 0) ? '' : JSON.stringify(value)
}
