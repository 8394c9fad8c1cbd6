/** `tunmeter catalog set`: adds or changes one entry of a catalog, in a file or on the server. */
import { existsSync } from 'node:fs'
import type { z } from 'zod'
import {
  badOptions,
  type Option,
  optionalInteger,
  parsedText,
  text,
  textList,
} from '../base/config.js'
import { type CommandContext, say } from '../base/context.js'
import { AppError, EXIT } from '../base/errors.js'
import { parseWith } from '../base/faults.js'
import { loadCatalog } from '../meter/attribution/catalog-file.js'
import {
  type Catalog,
  catalogSchema,
  EMPTY_CATALOG,
  portRangeSchema,
  prefixSchema,
} from '../session/catalog.js'
import { catalogChanges, hasChanges } from '../session/catalog-changes.js'
import {
  CatalogEditError,
  setClient,
  setResource,
  setSite,
  setUser,
} from '../session/catalog-edit.js'
import { catalogFaults } from '../session/catalog-faults.js'
import { connect, SERVER_OPTIONS } from './api-client.js'
import { writeEdited } from './catalog-edit-file.js'
import { catalogPath, counts, DRY_RUN, replaceCatalog, showChanges } from './catalog-replace.js'
import { type CommandGroup, defineCommand } from './command.js'

const WHERE = {
  file: text('Change this catalog file, or create it, instead of the server’s catalog.', 'FILE'),
  ...DRY_RUN,
  ...SERVER_OPTIONS,
}
type Where = Parameters<typeof connect>[0] & {
  readonly file: string | undefined
  readonly dryRun: boolean
}

const clients = catalogSchema.shape.clients.unwrap().element.shape

/** An option whose empty value removes the field. */
function emptyOr<T>(
  help: string,
  value: string,
  parse: (text: string) => T,
): Option<T | null | undefined> {
  return parsedText<T | null>(`${help} Empty: none.`, value, (t) => (t === '' ? null : parse(t)))
}

/** A repeatable option whose empty value removes all entries of the field. */
function listOf(help: string, value: string, schema: z.ZodType): Option<readonly string[]> {
  const parse = (t: string) => (t === '' ? [t] : [checked(schema, t)])
  return { ...textList(`${help} Repeatable. Empty: none.`, value), parse }
}

function checked(schema: z.ZodType, value: string): string {
  const { success, error } = schema.safeParse(value)
  if (!success) throw new Error(error!.issues[0]!.message)
  return value
}

/** Undefined: the option is not set, and the field stays. Empty: the field becomes empty. */
const listed = (list: readonly string[]): readonly string[] | undefined =>
  list.length === 0 ? undefined : list.filter((one) => one !== '')

const IDS = { min: 1, max: Number.MAX_SAFE_INTEGER }
const id = optionalInteger('Its number. Default: that of the name; else a new one.', 'N', IDS)

const client = defineCommand({
  name: 'client',
  arguments: '<name>',
  summary: 'Add a client, or change one: found by --id, else by its public key, else by name.',
  options: {
    id,
    publicKey: emptyOr('Its WireGuard public key.', 'KEY', (t) => checked(clients.publicKey, t)),
    address: listOf(
      'Its address in the tunnel, where peers cannot be read.',
      'PREFIX',
      prefixSchema,
    ),
    user: emptyOr('The user whose device it is.', 'ID', (t) => t),
    ...WHERE,
  },
  details: `Examples:
  tunmeter catalog set client "Anna's laptop" --public-key xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg= --user anna
  tunmeter catalog set client "Anna's old laptop" --id 7
Omitted options leave their field as it is. The command prints the change before it makes it.`,
  run: ([name = ''], options, context) =>
    edit(context, options, (catalog) => {
      const userId = options.user
      if (typeof userId === 'string' && !catalog.users.some((one) => one.userId === userId))
        say(context, `no user has the id "${userId}": tunmeter catalog set user ${userId} --name …`)
      const { id, publicKey, address } = options
      return setClient(catalog, { id, name, userId, publicKey, addresses: listed(address) })
    }),
})

const user = defineCommand({
  name: 'user',
  arguments: '<id>',
  summary: 'Add a user, or change one.',
  options: {
    name: text('Display name. Default for a new one: its id.', 'NAME'),
    email: emptyOr('Its e-mail address.', 'ADDRESS', (t) => t),
    ...WHERE,
  },
  details:
    'Example:\n  tunmeter catalog set user anna --name "Anna Keller" --email anna@example.org',
  run: ([userId = ''], options, context) =>
    edit(context, options, (catalog) => {
      return setUser(catalog, { userId, name: options.name, email: options.email })
    }),
})

const site = defineCommand({
  name: 'site',
  arguments: '<number> <name>',
  summary: 'Name a site: the number of its meter’s key.',
  options: WHERE,
  details: 'Example:\n  tunmeter catalog set site 1 Berlin',
  run: ([number = '', name = ''], options, context) => {
    if (!/^\d{1,15}$/.test(number) || Number(number) < 1)
      throw badOptions([`"${number}": expected the number of a site, as in keys create --site`])
    return edit(context, options, (catalog) => setSite(catalog, { siteId: Number(number), name }))
  },
})

const resource = defineCommand({
  name: 'resource',
  arguments: '<name>',
  summary: 'Add a private resource, or change one: found by --id, else by name.',
  options: {
    id,
    destination: listOf(
      'Its address or network; replaces all present ones.',
      'PREFIX',
      prefixSchema,
    ),
    protocol: emptyOr('tcp or udp only.', 'PROTOCOL', (t) => {
      if (t !== 'tcp' && t !== 'udp') throw new Error('expected tcp or udp')
      return t
    }),
    port: listOf(
      'Its port, or a range as in 8000-8010; replaces all present ones.',
      'PORT',
      portRangeSchema,
    ),
    site: emptyOr('Only behind this site.', 'N', id.parse),
    ...WHERE,
  },
  details: `Examples:
  tunmeter catalog set resource Database --destination 10.0.0.9 --protocol tcp --port 5432
  tunmeter catalog set resource Database --port 5432 --port 6432
Omitted options leave their field as it is. For different tcp and udp ports, edit the file (docs/wireguard.md).`,
  run: ([name = ''], options, context) => {
    const ports = listed(options.port)?.map((one) => (/^\d+$/.test(one) ? Number(one) : one))
    const { id, protocol, site: siteId } = options
    const destinations = listed(options.destination)
    if (destinations?.length === 0) throw badOptions(['--destination: a resource needs one'])
    return edit(context, options, (catalog) =>
      setResource(catalog, { id, name, siteId, protocol, destinations, ports }),
    )
  },
})

export const setCommands: CommandGroup = {
  name: 'set',
  summary: 'Add or change one client, user, site or resource, in a file or on the server.',
  subcommands: [client, user, site, resource],
}

/** @throws AppError CATALOG_EDIT, OUTPUT_FAILED, SERVER_REFUSED */
async function edit(
  context: CommandContext,
  where: Where,
  change: (catalog: Catalog) => Catalog,
): Promise<number> {
  const { file, dryRun } = where
  if (file === undefined) {
    const { api, org } = await connect(where)
    const response = await api.open(catalogPath(org))
    const { data } = (await response.json()) as { data: Catalog }
    const catalog = edited(data, change)
    const from = response.headers.get('etag') ?? undefined
    await replaceCatalog(context, { api, org, catalog, dryRun, allowEmpty: false, from })
    return EXIT.ok
  }
  const before = existsSync(file) ? loadCatalog(file) : EMPTY_CATALOG
  const after = edited(before, change)
  const changes = catalogChanges(before, after)
  showChanges(context, changes, Number.POSITIVE_INFINITY)
  if (!hasChanges(changes)) say(context, `${file} is the same already; nothing was written`)
  else if (dryRun) say(context, `${file} would change as above; nothing was written`)
  else {
    writeEdited(file, before, after)
    say(context, `${file} written: ${counts(after)}`)
  }
  return EXIT.ok
}

/** @throws AppError CATALOG_EDIT when the new entry lacks something or conflicts with another */
function edited(before: Catalog, change: (catalog: Catalog) => Catalog): Catalog {
  try {
    const after = change(before)
    const { faults } = parseWith(catalogSchema, after, 'the catalog')
    const all = faults.length > 0 ? faults : catalogFaults(after)
    if (all.length === 0) return after
    throw new CatalogEditError(all.map((fault) => named(fault, after)).join('\n'))
  } catch (error) {
    if (!(error instanceof CatalogEditError)) throw error
    throw new AppError('CATALOG_EDIT', error.message, { exitCode: EXIT.usage })
  }
}

/** `clients[3].publicKey: …` to `client "Anna".publicKey: …`, because nobody counts entries. */
function named(fault: string, catalog: Catalog): string {
  return fault.replace(
    /\b(clients|users|sites|resources)\[(\d+)\]/g,
    (all, list: Exclude<keyof Catalog, 'prefixes'>, index: string) => {
      const name = catalog[list][Number(index)]?.name
      return name === undefined ? all : `${list.slice(0, -1)} ${JSON.stringify(name)}`
    },
  )
}
