/** Replaces a server's catalog. It shows the changes first; the server refuses them if its catalog has changed since. */
import { toggle } from '../base/config.js'
import { type CommandContext, say } from '../base/context.js'
import { AppError } from '../base/errors.js'
import { printable } from '../base/printable.js'
import { plural } from '../base/quantity.js'
import type { Catalog } from '../session/catalog.js'
import {
  CATALOG_LISTS,
  type CatalogChanges,
  hasChanges,
  isEmptyCatalog,
} from '../session/catalog-changes.js'
import { type ApiClient, orgPath } from './api-client.js'

export const catalogPath = (org: string) => `${orgPath(org)}/catalog`

export function counts(catalog: Catalog): string {
  const { clients, users, sites, resources } = catalog
  const entries = [
    plural(clients.length, 'client'),
    plural(users.length, 'user'),
    plural(sites.length, 'site'),
    plural(resources.length, 'resource'),
  ]
  return entries.join(', ') + collectedText(catalog)
}

/** Prefixes, and entries with rules on what is kept; empty for a catalog without any. */
function collectedText({ clients, resources, prefixes = [] }: Catalog): string {
  const entries = [...clients, ...resources, ...prefixes]
  const kept = [
    ...(['counts', 'off'] as const).map(
      (level) => [`log: ${level}`, entries.filter(({ log }) => log === level).length] as const,
    ),
    [
      'field rules',
      entries.filter(({ fields = {} }) => Object.keys(fields).length > 0).length,
    ] as const,
  ].flatMap(([what, count]) => (count === 0 ? [] : [`${count} with ${what}`]))
  return [
    prefixes.length > 0 && `, ${plural(prefixes.length, 'prefix', 'prefixes')}`,
    kept.length > 0 && ` (${kept.join(', ')})`,
  ]
    .filter(Boolean)
    .join('')
}

export const DRY_RUN = {
  dryRun: toggle('Show what would be added, removed and changed; change nothing.'),
}
export const REPLACE_OPTIONS = {
  ...DRY_RUN,
  allowEmpty: toggle('Allow a catalog without entries.'),
}

interface Replacement {
  readonly api: ApiClient
  readonly org: string
  readonly catalog: Catalog
  readonly dryRun: boolean
  readonly allowEmpty: boolean
  /** The version that was edited. The server refuses the edit when it has another one. */
  readonly from?: string | undefined
}

/** The most changes that a replacement shows; --dry-run shows all. */
const LINES_MAX = 100

/** @throws AppError EMPTY_CATALOG, SERVER_REFUSED */
export async function replaceCatalog(
  context: CommandContext,
  { api, org, catalog, dryRun, allowEmpty, from }: Replacement,
): Promise<void> {
  if (isEmptyCatalog(catalog) && !allowEmpty) {
    throw new AppError(
      'EMPTY_CATALOG',
      'the new catalog has no entries and would remove all names',
      {
        hint: 'Add --allow-empty if you want that.',
      },
    )
  }
  const put = (query: string, version: string | undefined) =>
    api.send<{ changes: CatalogChanges | null; etag: string }>(
      'PUT',
      `${catalogPath(org)}?allowEmpty=${allowEmpty}${query}`,
      catalog,
      version === undefined ? {} : { 'if-match': version },
    )
  const shown = await put('&dryRun=true', from)
  const changes = shown.changes!
  if (dryRun || !hasChanges(changes)) {
    showChanges(context, changes, Number.POSITIVE_INFINITY)
    const what = hasChanges(changes) ? 'would change as above' : 'is the same already'
    return say(context, `catalog of ${org} ${what}; nothing was written`)
  }
  showChanges(context, changes, LINES_MAX)
  await put('', `"${shown.etag}"`)
  say(context, `catalog of ${org} replaced: ${counts(catalog)}`)
}

export function showChanges(context: CommandContext, changes: CatalogChanges, max: number): void {
  const lines = changeLines(changes)
  context.stdout.write(lines.slice(0, max).join(''))
  if (lines.length > max) say(context, `… and ${lines.length - max} more`)
}

/** `+ clients 3 "Anna"`, `- users u1 "Ulla"`, `~ resources 7 "db" (was "database"): name, ports`. */
function changeLines(changes: CatalogChanges): string[] {
  const quoted = (name: string) => JSON.stringify(printable(name))
  return CATALOG_LISTS.flatMap((list) => {
    const { added, removed, changed } = changes[list]
    const line = (sign: string, { id, name }: { id: number | string; name: string }, more = '') =>
      `${sign} ${list} ${printable(String(id))} ${quoted(name)}${more}\n`
    return [
      ...added.map((one) => line('+', one)),
      ...removed.map((one) => line('-', one)),
      ...changed.map((one) => {
        const was = one.was === one.name ? '' : ` (was ${quoted(one.was)})`
        return line('~', one, `${was}: ${one.fields.join(', ')}`)
      }),
    ]
  })
}
