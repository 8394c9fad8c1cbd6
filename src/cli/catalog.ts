/** `tunmeter catalog`: shows and replaces a server's catalog, and imports one from Pangolin. */
import { stringify as toYaml } from 'yaml'
import { requiredText, secretText, text, toggle } from '../base/config.js'
import type { CommandContext } from '../base/context.js'
import { AppError, EXIT } from '../base/errors.js'
import { refusePlainHttp } from '../base/plain-http.js'
import { printable } from '../base/printable.js'
import { loadCatalog } from '../meter/attribution/catalog-file.js'
import type { Catalog } from '../session/catalog.js'
import {
  CATALOG_LISTS,
  type CatalogChanges,
  hasChanges,
  isEmptyCatalog,
} from '../session/catalog-changes.js'
import { ApiClient, connect, orgPath, SERVER_OPTIONS, say } from './api-client.js'
import { initCommand } from './catalog-init.js'
import { type CommandGroup, defineCommand } from './command.js'
import { pullPangolin } from './pangolin.js'

const path = (org: string) => `${orgPath(org)}/catalog`

function counts(catalog: Catalog): string {
  const { clients, users, sites, resources } = catalog
  return `${clients.length} clients, ${users.length} users, ${sites.length} sites, ${resources.length} resources`
}

const REPLACE_OPTIONS = {
  dryRun: toggle('Show what would be added, removed and changed; change nothing.'),
  allowEmpty: toggle('Replace the catalog also by one of no entries.'),
}

interface Replacement {
  readonly api: ApiClient
  readonly org: string
  readonly catalog: Catalog
  readonly dryRun: boolean
  readonly allowEmpty: boolean
}

/** @throws AppError EMPTY_CATALOG, SERVER_REFUSED */
async function replace(context: CommandContext, given: Replacement): Promise<void> {
  const { api, org, catalog, dryRun, allowEmpty } = given
  if (isEmptyCatalog(catalog) && !allowEmpty) {
    throw new AppError('EMPTY_CATALOG', 'the new catalog has no entries: all names would go', {
      hint: 'Add --allow-empty if that is meant.',
    })
  }
  const query = `?dryRun=${dryRun}&allowEmpty=${allowEmpty}`
  const { changes } = await api.send<{ changes: CatalogChanges | null }>(
    'PUT',
    path(org) + query,
    catalog,
  )
  if (changes === null) say(context, `catalog of ${org} replaced: ${counts(catalog)}`)
  else {
    context.stdout.write(changeLines(changes).join(''))
    const what = hasChanges(changes) ? 'would change as above' : 'is the same already'
    say(context, `catalog of ${org} ${what}; nothing was written`)
  }
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

const show = defineCommand({
  name: 'show',
  summary: 'Print the catalog as YAML.',
  options: { ...SERVER_OPTIONS, json: toggle('As JSON.') },
  run: async (_args, options, context) => {
    const { api, org } = await connect(options)
    const catalog = await api.get<Catalog>(path(org))
    context.stdout.write(options.json ? `${JSON.stringify(catalog, null, 2)}\n` : toYaml(catalog))
    return EXIT.ok
  },
})

const push = defineCommand({
  name: 'push',
  summary: 'Replace the catalog by a file (YAML or JSON).',
  options: { ...SERVER_OPTIONS, file: requiredText('The catalog.', 'FILE'), ...REPLACE_OPTIONS },
  run: async (_args, options, context) => {
    const catalog = loadCatalog(options.file)
    const { api, org } = await connect(options)
    const { dryRun, allowEmpty } = options
    await replace(context, { api, org, catalog, dryRun, allowEmpty })
    return EXIT.ok
  },
})

const pull = defineCommand({
  name: 'pull',
  summary: 'Import clients, users, sites and private resources from Pangolin’s integration API.',
  options: {
    ...SERVER_OPTIONS,
    from: requiredText('Base URL of the integration API, as in https://api.example.com/v1.', 'URL'),
    fromKey: secretText('Its API key.', 'KEY'),
    fromOrg: text('Organisation there. Default: the same name.', 'ORG'),
    print: toggle('Print the catalog as YAML instead of storing it; needs no server.'),
    ...REPLACE_OPTIONS,
  },
  run: async (_args, options, context) => {
    if (options.fromKey === undefined) {
      throw new AppError('NO_KEY', 'the key of the integration API is needed', {
        hint: 'Give it by TUNMETER_FROM_KEY or --from-key.',
        exitCode: EXIT.usage,
      })
    }
    const target = options.print ? undefined : await connect(options)
    const org = options.fromOrg ?? options.org ?? target?.org
    if (org === undefined) {
      throw new AppError('NO_ORG', 'with --print, --from-org or --org is required', {
        exitCode: EXIT.usage,
      })
    }
    const source = new ApiClient(options.from, options.fromKey)
    refusePlainHttp('--from', new URL(options.from), options.allowPlainHttp)
    const { catalog, skipped } = await pullPangolin(source, org)
    for (const line of skipped) say(context, `left out: ${line}`)
    if (target === undefined) context.stdout.write(toYaml(catalog))
    else {
      const { dryRun, allowEmpty } = options
      await replace(context, { ...target, catalog, dryRun, allowEmpty })
    }
    return EXIT.ok
  },
})

const check = defineCommand({
  name: 'check',
  arguments: '<file>',
  summary: 'Say all that is wrong with a catalog (YAML or JSON); needs no server.',
  options: {},
  run: async ([file = ''], _options, context) => {
    context.stdout.write(`${file}: ${counts(loadCatalog(file))}\n`)
    return EXIT.ok
  },
})

export const catalogCommand: CommandGroup = {
  name: 'catalog',
  summary: 'Make, check, show, replace or import the names of clients, users, sites and resources.',
  subcommands: [initCommand, check, show, push, pull],
}
