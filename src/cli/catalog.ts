/** `tunmeter catalog`: shows and replaces a server's catalog, and imports one from Pangolin or NetBird. */
import { stringify as toYaml } from 'yaml'
import { choice, requiredText, secretText, text, toggle } from '../base/config.js'
import { say } from '../base/context.js'
import { AppError, EXIT } from '../base/errors.js'
import { refusePlainHttp } from '../base/plain-http.js'
import { loadCatalog } from '../meter/attribution/catalog-file.js'
import { carryRules } from '../session/carry-rules.js'
import type { Catalog } from '../session/catalog.js'
import { ApiClient, connect, SERVER_OPTIONS } from './api-client.js'
import { initCommand } from './catalog-init.js'
import { catalogPath, counts, REPLACE_OPTIONS, replaceCatalog } from './catalog-replace.js'
import { setCommands } from './catalog-set.js'
import { type CommandGroup, defineCommand } from './command.js'
import { pullNetBird } from './netbird.js'
import { pullPangolin } from './pangolin.js'

const show = defineCommand({
  name: 'show',
  summary: 'Print the catalog as YAML.',
  options: { ...SERVER_OPTIONS, json: toggle('As JSON.') },
  run: async (_args, options, context) => {
    const { api, org } = await connect(options)
    const catalog = await api.get<Catalog>(catalogPath(org))
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
    await replaceCatalog(context, { api, org, catalog, dryRun, allowEmpty })
    return EXIT.ok
  },
})

const pull = defineCommand({
  name: 'pull',
  summary: 'Import clients, users, sites and resources from the API of Pangolin or NetBird.',
  options: {
    ...SERVER_OPTIONS,
    source: choice('Service of --from', 'NAME', ['pangolin', 'netbird'], 'pangolin'),
    from: requiredText(
      'Base URL: of Pangolin’s integration API, as in https://api.example.com/v1; of NetBird’s management server, as in https://api.netbird.io.',
      'URL',
    ),
    fromKey: secretText('Its API key, or a personal access token of NetBird.', 'KEY'),
    fromOrg: text('Organisation in Pangolin. Default: the same name.', 'ORG'),
    print: toggle('Print the catalog as YAML instead of storing it; needs no server.'),
    ...REPLACE_OPTIONS,
  },
  run: async (_args, options, context) => {
    if (options.fromKey === undefined) {
      throw new AppError('NO_KEY', 'the API of --from needs a key', {
        hint: 'Give it by TUNMETER_FROM_KEY or --from-key.',
        exitCode: EXIT.usage,
      })
    }
    const target = options.print ? undefined : await connect(options)
    const org = options.fromOrg ?? options.org ?? target?.org
    if (org === undefined && options.source === 'pangolin') {
      throw new AppError('NO_ORG', 'with --print, --from-org or --org is required', {
        exitCode: EXIT.usage,
      })
    }
    const source = new ApiClient(options.from, options.fromKey)
    refusePlainHttp('--from', new URL(options.from), options.allowPlainHttp)
    const { catalog: pulled, skipped } = await (options.source === 'netbird'
      ? pullNetBird(source, options.fromKey)
      : pullPangolin(source, org!))
    // Their APIs have no rules on what is kept of sessions, so the rules of the present catalog stay.
    const catalog =
      target === undefined
        ? pulled
        : carryRules(await target.api.get<Catalog>(catalogPath(target.org)), pulled)
    for (const line of skipped) say(context, `left out: ${line}`)
    if (target === undefined) context.stdout.write(toYaml(catalog))
    else {
      const { dryRun, allowEmpty } = options
      await replaceCatalog(context, { ...target, catalog, dryRun, allowEmpty })
    }
    return EXIT.ok
  },
})

const check = defineCommand({
  name: 'check',
  arguments: '<file>',
  summary: 'List all mistakes of a catalog (YAML or JSON); needs no server.',
  options: {},
  run: async ([file = ''], _options, context) => {
    context.stdout.write(`${file}: ${counts(loadCatalog(file))}\n`)
    return EXIT.ok
  },
})

export const catalogCommand: CommandGroup = {
  name: 'catalog',
  summary:
    'Create, check, change, show, replace or import the names of clients, users, sites and resources.',
  subcommands: [initCommand, check, setCommands, show, push, pull],
}
