/** `tunmeter remove`: removes sites, meters and organisations that no longer exist. */
import { badOptions, choice, optionalInteger } from '../base/config.js'
import { type CommandContext, say } from '../base/context.js'
import { EXIT } from '../base/errors.js'
import { plural } from '../base/quantity.js'
import { SITE_ID_MAX } from '../session/bounds.js'
import { connect, orgPath, SERVER_OPTIONS } from './api-client.js'
import { type CommandGroup, defineCommand } from './command.js'

const confirm = optionalInteger(
  'The number of sessions to delete, as the refusal without this option names it.',
  'N',
  {
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
  },
)

/** @throws AppError BAD_OPTIONS */
function siteOf(input: string | undefined): number {
  const site = Number(input)
  if (input !== undefined && /^[1-9]\d{0,15}$/.test(input) && site <= SITE_ID_MAX) return site
  const what = input === undefined ? 'SITE is required' : `SITE: ${JSON.stringify(input)}`
  throw badOptions([`${what}: expected its number, as tunmeter completeness --json shows it`])
}

const removeSite = defineCommand({
  name: 'site',
  arguments: '[site]',
  summary: 'Remove a site: revoke its keys, and no longer list or expect it.',
  options: {
    ...SERVER_OPTIONS,
    sessions: choice('Keep or delete its sessions.', 'WHAT', ['keep', 'delete'], 'keep'),
    confirm,
  },
  details: `Needs an admin key, and is in the audit trail. Retention deletes kept sessions as before.
Of deleted ones the monthly totals stay, and completeness has a counted hole "deletedByOperator".
  tunmeter remove site 3
  tunmeter remove site 3 --sessions delete --confirm 4211`,
  run: async ([site], options, context) => {
    const siteId = siteOf(site)
    const { api, org } = await connect(options)
    const query = queryOf({ sessions: options.sessions, confirm: options.confirm })
    const { keys, meters, sessions, sentTo } = await api.send<{
      keys: number
      meters: number
      sessions: number
      sentTo: readonly string[]
    }>('DELETE', `${orgPath(org)}/site/${siteId}${query}`)
    const gone = `site ${siteId} removed: ${plural(keys, 'key')} revoked, ${plural(meters, 'meter')}`
    const what =
      options.sessions === 'delete' ? `${plural(sessions, 'session')} deleted` : 'its sessions stay'
    context.stdout.write(`${gone}, ${what}\n`)
    sayHolders(context, sentTo)
    return EXIT.ok
  },
})

const removeMeter = defineCommand({
  name: 'meter',
  arguments: '[site] [meter]',
  summary: 'Remove a meter that no longer reports: no longer list or expect it.',
  options: SERVER_OPTIONS,
  details: `Needs an admin key, and is in the audit trail. Its sessions stay, and so do the holes of the time until
now. It is there again when it reports again.
  tunmeter remove meter 3 gateway-lyon`,
  run: async ([site, meterId], options, context) => {
    const siteId = siteOf(site)
    if (meterId === undefined) throw badOptions(['METER is required: its id'])
    const { api, org } = await connect(options)
    await api.send('DELETE', `${orgPath(org)}/site/${siteId}/meter/${encodeURIComponent(meterId)}`)
    context.stdout.write(`meter ${meterId} of site ${siteId} removed\n`)
    return EXIT.ok
  },
})

const removeOrg = defineCommand({
  name: 'org',
  summary: 'Remove an organisation with its keys and all its stored data. Cannot be undone.',
  options: { ...SERVER_OPTIONS, confirm },
  details: `Needs a root key. Its audit trail stays until it expires (--audit-retention); until then no other organisation can have its name.
  tunmeter remove org --org acmee --confirm 0`,
  run: async (_args, options, context) => {
    if (options.org === undefined) throw badOptions(['--org ORG is required: which one to remove'])
    const { api, org } = await connect(options)
    const query = queryOf({ confirm: options.confirm })
    const { keys, sessions, sentTo } = await api.send<{
      keys: number
      sessions: number
      sentTo: readonly string[]
    }>('DELETE', `${orgPath(org)}${query}`)
    context.stdout.write(`organisation ${org} removed with ${plural(keys, 'key')}\n`)
    say(
      context,
      `its ${plural(sessions, 'session')} and all other data will be deleted within minutes`,
    )
    sayHolders(context, sentTo)
    return EXIT.ok
  },
})

/** Earlier servers do not name the holders. */
function sayHolders(context: CommandContext, holders: readonly string[] = []): void {
  for (const name of holders) say(context, `not deleted: sessions that the destination ${name} has`)
}

function queryOf(input: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(input))
    if (value !== undefined) query.set(name, String(value))
  return query.size === 0 ? '' : `?${query}`
}

export const removeCommand: CommandGroup = {
  name: 'remove',
  summary: 'Remove sites, meters and organisations that no longer exist.',
  subcommands: [removeSite, removeMeter, removeOrg],
}
