/** `tunmeter subject`: exports or erases everything stored about one person. */
import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { badOptions, optionalInteger, text, toggle } from '../base/config.js'
import { say } from '../base/context.js'
import { EXIT } from '../base/errors.js'
import { plural } from '../base/quantity.js'
import { takeWhole, writeWhole } from '../base/whole-file.js'
import { connect, orgPath, SERVER_OPTIONS } from './api-client.js'
import { type CommandGroup, defineCommand } from './command.js'

const SUBJECT_OPTIONS = {
  ...SERVER_OPTIONS,
  user: text('The user, by id.', 'ID'),
  client: optionalInteger('The client, by its number.', 'N', {
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
  }),
}

interface Named {
  readonly user: string | undefined
  readonly client: number | undefined
}

/** @throws AppError BAD_OPTIONS */
function subjectOf({ user, client }: Named): { userId: string } | { clientId: number } {
  if ((user === undefined) === (client === undefined))
    throw badOptions(['--user ID or --client N is required, and not both'])
  return user === undefined ? { clientId: client! } : { userId: user }
}

const exportSubject = defineCommand({
  name: 'export',
  summary: 'Write the stored data of a user or client as NDJSON.',
  options: {
    ...SUBJECT_OPTIONS,
    output: text('File to write, replaced once it is complete. Default: standard output.', 'FILE'),
  },
  details: `Names, monthly totals and sessions; needs an admin key. It is in the audit trail.
  tunmeter subject export --user ulla --output ulla.ndjson`,
  run: async (_args, options, context) => {
    const subject = subjectOf(options)
    const { api, org } = await connect(options)
    const query = new URLSearchParams()
    for (const [name, value] of Object.entries(subject)) query.set(name, String(value))
    const path = `${orgPath(org)}/subject/export?${query}`
    const body = Readable.fromWeb((await api.open(path)).body as ReadableStream)
    if (options.output === undefined)
      await takeWhole(body, pipeline(body, context.stdout, { end: false }))
    else await writeWhole(options.output, body, new PassThrough(), (line) => say(context, line))
    return EXIT.ok
  },
})

const erase = defineCommand({
  name: 'erase',
  summary: 'Erase or pseudonymise all sessions and the name of a user or client. Cannot be undone.',
  options: {
    ...SUBJECT_OPTIONS,
    confirm: optionalInteger(
      'The number of sessions to erase, as the refusal without this option names it.',
      'N',
      {
        min: 0,
        max: Number.MAX_SAFE_INTEGER,
      },
    ),
    pseudonymise: toggle('Keep sessions and totals, under random pseudonyms.'),
  },
  details: `Needs an admin key, and is in the audit trail. Monthly totals stay, under no name; completeness has
a counted hole "erased". Backups and files exported before are not covered: docs/audit.md.
  tunmeter subject erase --user ulla --confirm 4211
  tunmeter subject erase --user ulla --confirm 4211 --pseudonymise`,
  run: async (_args, options, context) => {
    const subject = subjectOf(options)
    const { api, org } = await connect(options)
    const { sessions, name, notCovered } = await api.send<{
      sessions: number
      name: boolean
      notCovered: readonly string[]
    }>('POST', `${orgPath(org)}/subject/erase`, {
      ...subject,
      pseudonymise: options.pseudonymise,
      ...(options.confirm !== undefined && { confirm: options.confirm }),
    })
    const named = name ? 'with the entry of the catalog' : 'the catalog had no entry'
    const done = options.pseudonymise ? 'pseudonymised' : 'erased'
    context.stdout.write(`${plural(sessions, 'session')} ${done}, ${named}\n`)
    for (const place of notCovered) say(context, `not covered: ${place}`)
    return EXIT.ok
  },
})

export const subjectCommand: CommandGroup = {
  name: 'subject',
  summary: 'Export or erase the stored data of a user or client.',
  subcommands: [exportSubject, erase],
}
