/** `tunmeter retention`: shows or changes how long an organisation's sessions are kept. */
import { badOptions, optionalInteger, toggle } from '../base/config.js'
import { EXIT } from '../base/errors.js'
import { connect, orgPath, SERVER_OPTIONS } from './api-client.js'
import { defineCommand } from './command.js'

interface Settings {
  readonly retentionDays: number
  readonly deletesFrom: string | null
}

export const retentionCommand = defineCommand({
  name: 'retention',
  arguments: '[days]',
  summary: 'Show or change how long sessions are kept.',
  options: {
    ...SERVER_OPTIONS,
    confirm: optionalInteger(
      'The number of sessions to delete, which the server tells without it.',
      'N',
      { min: 0, max: Number.MAX_SAFE_INTEGER },
    ),
    now: toggle('Delete at once, not after 24 hours.'),
  },
  details: `DAYS: a number, 0 to store nothing, or forever. Changing needs an admin key, and is in the audit trail. A
shorter retention deletes after 24 hours; until then a longer one can be set again, and nothing is lost.
  tunmeter retention
  tunmeter retention 30 --confirm 4211
  tunmeter retention 0 --confirm 4211 --now`,
  run: async ([input], options, context) => {
    const retentionDays = input === undefined ? undefined : daysOf(input)
    const { api, org } = await connect(options)
    const path = `${orgPath(org)}/settings`
    const { confirm, now } = options
    const settings =
      retentionDays === undefined
        ? await api.get<Settings>(path)
        : await api.send<Settings>('PUT', path, {
            retentionDays,
            ...(confirm !== undefined && { confirm }),
            ...(now && { now }),
          })
    context.stdout.write(`${said(org, settings)}\n`)
    return EXIT.ok
  },
})

/** @throws AppError BAD_OPTIONS */
function daysOf(input: string): number {
  if (input === 'forever') return -1
  if (/^\d{1,6}$/.test(input)) return Number(input)
  throw badOptions([`DAYS: ${JSON.stringify(input)}: expected a number, or forever`])
}

function said(org: string, { retentionDays: days, deletesFrom }: Settings): string {
  const kept =
    days < 0
      ? 'kept for ever'
      : days === 0
        ? 'not stored'
        : `kept for ${days} ${days === 1 ? 'day' : 'days'}`
  const soon = deletesFrom === null ? '' : `; older ones are deleted from ${deletesFrom} on`
  return `sessions of ${org} are ${kept}${soon}`
}
