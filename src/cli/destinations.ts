/** `tunmeter destinations`: lists, changes and tests a server's destinations, and shows the state of delivery. */
import { readFileSync } from 'node:fs'
import { text as readText } from 'node:stream/consumers'
import { badOptions, optionalInteger, toggle } from '../base/config.js'
import { type CommandContext, say } from '../base/context.js'
import { AppError, EXIT, messageOf } from '../base/errors.js'
import { printable } from '../base/printable.js'
import { plural } from '../base/quantity.js'
import { terminalWidth } from '../base/terminal.js'
import { type Column, tableText } from '../base/text-table.js'
import { parseYaml } from '../base/yaml-text.js'
import { painter } from '../meter/output/human.js'
import type { DeadLetterView, DestinationView } from '../server/http/destination-schemas.js'
import { type ApiClient, connect, orgPath, SERVER_OPTIONS } from './api-client.js'
import { type CommandGroup, defineCommand } from './command.js'
import { moment } from './moment.js'

const json = toggle('One JSON object a line.')

async function at(
  options: Parameters<typeof connect>[0],
): Promise<{ api: ApiClient; path: string }> {
  const { api, org } = await connect(options)
  return { api, path: `${orgPath(org)}/destinations` }
}

/** @throws AppError BAD_OPTIONS */
function placeOf(id: string | undefined): string {
  if (id === undefined) throw badOptions(['ID is required, as tunmeter destinations list shows it'])
  return encodeURIComponent(id)
}

/** The path of one destination. @throws AppError BAD_OPTIONS */
async function atOne(
  id: string | undefined,
  options: Parameters<typeof connect>[0],
): Promise<{ api: ApiClient; path: string }> {
  const place = placeOf(id)
  const { api, path } = await at(options)
  return { api, path: `${path}/${place}` }
}

/** JSON or YAML, of a file or of standard input. @throws AppError BAD_FILE */
async function readSettings(file: string | undefined, { stdin }: CommandContext): Promise<unknown> {
  if (file === undefined)
    throw badOptions(['FILE is required: JSON or YAML, or - for standard input'])
  try {
    return parseYaml(file === '-' ? await readText(stdin) : readFileSync(file, 'utf8'))
  } catch (error) {
    throw new AppError('BAD_FILE', `cannot use ${file}: ${messageOf(error)}`, {
      hint: 'A destination is JSON or YAML: docs/destinations.md has an example of each kind.',
    })
  }
}

const failureText = ({ status, text }: NonNullable<DestinationView['lastFailure']>) =>
  printable(`${status === null ? '' : `${status} `}${text}`)

function standing(one: DestinationView): string[] {
  const lines: string[] = []
  if (one.lastFailure !== null && one.state !== 'ok') {
    const next = one.nextAttemptAt === null ? '' : `; next attempt at ${one.nextAttemptAt}`
    lines.push(`${one.id}: ${failureText(one.lastFailure)}${next}`)
  }
  if (one.rejected > 0)
    lines.push(
      `${one.id}: the receiver rejected ${plural(one.rejected, 'session')}, and does not say which`,
    )
  if (one.deletedUndelivered > 0)
    lines.push(
      `${one.id}: retention deleted ${plural(one.deletedUndelivered, 'session')} before delivery`,
    )
  for (const { id, progress } of one.backfills.filter(({ endedAt }) => endedAt === null))
    lines.push(`${one.id}: backfill ${id} at ${Math.floor(100 * progress)} %`)
  return lines
}

const list = defineCommand({
  name: 'list',
  summary: 'List destinations and the state of delivery.',
  options: { ...SERVER_OPTIONS, json },
  details: 'Example:\n  tunmeter destinations list',
  run: async (_args, options, context) => {
    const { api, path } = await at(options)
    const { destinations } = await api.get<{ destinations: DestinationView[] }>(path)
    const { stdout, env } = context
    if (options.json) {
      for (const one of destinations) stdout.write(`${JSON.stringify(one)}\n`)
      return EXIT.ok
    }
    if (destinations.length === 0) {
      say(context, 'there are no destinations')
      return EXIT.ok
    }
    const columns: Column<DestinationView>[] = [
      { title: 'ID', read: (d) => d.id },
      { title: 'KIND', read: (d) => d.kind },
      { title: 'STATE', read: (d) => d.state },
      { title: 'DELIVERED', align: 'right', read: (d) => String(d.delivered) },
      { title: 'PENDING', align: 'right', read: (d) => String(d.pending) },
      { title: 'DEAD', align: 'right', read: (d) => String(d.deadLetters) },
      { title: 'LAST SUCCESS', read: (d) => d.lastSuccessAt?.slice(0, 19) ?? 'never' },
      { title: 'NAME', shrinksTo: 12, read: (d) => d.name },
      { title: 'TARGET', shrinksTo: 12, read: (d) => d.target },
      { title: 'SENDS', read: (d) => d.records },
    ]
    const width = terminalWidth(stdout, env)
    stdout.write(tableText([columns], destinations, { paint: painter(stdout, env), width }))
    for (const line of destinations.flatMap(standing)) say(context, line)
    return EXIT.ok
  },
})

const add = defineCommand({
  name: 'add',
  arguments: '[file]',
  summary: 'Add a destination. It gets the sessions stored from now on.',
  options: SERVER_OPTIONS,
  details: `FILE is JSON or YAML with kind, name, settings and secrets, or - for standard input; prints the id.
kind is one of webhook, elasticsearch, otlp, splunk, syslog, s3; docs/destinations.md has an example of each.
Needs an admin key, and is in the audit trail.
  tunmeter destinations add siem.yaml`,
  run: async ([file], options, context) => {
    const settings = await readSettings(file, context)
    const { api, path } = await at(options)
    const { id, name, target } = await api.send<DestinationView>('POST', path, settings)
    context.stdout.write(`${id}\n`)
    say(
      context,
      `${name}: sessions stored from now on go to ${target}; test it: tunmeter destinations test ${id}`,
    )
    return EXIT.ok
  },
})

const change = defineCommand({
  name: 'change',
  arguments: '[id] [file]',
  summary: 'Change the settings of a destination. Delivery continues from its position.',
  options: SERVER_OPTIONS,
  details: `Secrets that FILE does not name stay; null removes one.
  tunmeter destinations change d0123456789abcdef01 siem.yaml`,
  run: async ([id, file], options, context) => {
    // A missing id is reported before a fault of the file.
    const place = placeOf(id)
    const settings = await readSettings(file, context)
    const { api, path } = await at(options)
    const { name } = await api.send<DestinationView>('PUT', `${path}/${place}`, settings)
    context.stdout.write(`${id} (${name}) changed\n`)
    return EXIT.ok
  },
})

const test = defineCommand({
  name: 'test',
  arguments: '[id]',
  summary: 'Send one event marked as a test, and show the answer.',
  options: SERVER_OPTIONS,
  details:
    'Exit code 1: the receiver did not accept it.\n  tunmeter destinations test d0123456789abcdef01',
  run: async ([id], options, context) => {
    const { api, path } = await atOne(id, options)
    const { result, target, status, text } = await api.send<{
      result: string
      target: string
      status: number | null
      text: string
    }>('POST', `${path}/test`)
    const answer = [
      status === null ? [] : String(status),
      text === '' ? [] : printable(text),
    ].flat()
    const what = result === 'delivered' ? 'taken' : 'not taken'
    context.stdout.write(`${target}: ${[what, ...answer].join(', ')}\n`)
    return result === 'delivered' ? EXIT.ok : EXIT.failed
  },
})

function verb(name: 'pause' | 'resume', summary: string, done: string) {
  return defineCommand({
    name,
    arguments: '[id]',
    summary,
    options: SERVER_OPTIONS,
    details: `Example:\n  tunmeter destinations ${name} d0123456789abcdef01`,
    run: async ([id], options, context) => {
      const { api, path } = await atOne(id, options)
      const shown = await api.send<DestinationView>('POST', `${path}/${name}`)
      context.stdout.write(`${id} (${shown.name}) ${done}\n`)
      return EXIT.ok
    },
  })
}

const remove = defineCommand({
  name: 'remove',
  arguments: '[id]',
  summary: 'Remove a destination with its secrets and its dead letters.',
  options: SERVER_OPTIONS,
  details: `What it was sent stays where it is.
  tunmeter destinations remove d0123456789abcdef01`,
  run: async ([id], options, context) => {
    const { api, path } = await atOne(id, options)
    const { name, delivered } = await api.send<{ name: string; delivered: number }>('DELETE', path)
    context.stdout.write(`${id} (${name}) removed\n`)
    if (delivered > 0) say(context, `the receiver keeps ${plural(delivered, 'session')}`)
    return EXIT.ok
  },
})

const backfill = defineCommand({
  name: 'backfill',
  arguments: '[id]',
  summary: 'Send a destination the stored sessions that started in a range of time.',
  options: {
    ...SERVER_OPTIONS,
    from: moment('Sessions that started at or after this.'),
    to: moment('Sessions that started before this. Default: now.'),
    stop: optionalInteger('Stop the backfill with this number instead; list shows it.', 'NUMBER', {
      min: 1,
      max: 1e9,
    }),
  },
  details: `A backfill runs beside new sessions and other backfills. Sessions that the destination has are sent again, under the same sessionId.
  tunmeter destinations backfill d0123456789abcdef01 --from 30d`,
  run: async ([id], options, context) => {
    const place = placeOf(id)
    if (options.from === undefined && options.stop === undefined)
      throw badOptions(['--from TIME is required'])
    const { api, path } = await at(options)
    if (options.stop !== undefined) {
      await api.send('DELETE', `${path}/${place}/backfill/${options.stop}`)
      context.stdout.write(`${id}: backfill ${options.stop} stopped\n`)
      return EXIT.ok
    }
    await api.send('POST', `${path}/${place}/backfill`, {
      timeStart: options.from,
      timeEnd: options.to ?? new Date().toISOString(),
    })
    context.stdout.write(`${id}: backfill began; tunmeter destinations list shows its progress\n`)
    return EXIT.ok
  },
})

const deadLetters = defineCommand({
  name: 'dead-letters',
  arguments: '[id]',
  summary: 'Show events that the receiver refused one by one, as JSON lines.',
  options: {
    ...SERVER_OPTIONS,
    discard: toggle('Discard them instead: the destination never gets these sessions.'),
  },
  details: `Each line has the session, the answer, and the event as it was sent, or null when the session is no longer stored.
  tunmeter destinations dead-letters d0123456789abcdef01 > refused.ndjson`,
  run: async ([id], options, context) => {
    const { api, path } = await atOne(id, options)
    if (options.discard) {
      const { discarded } = await api.send<{ discarded: number }>('DELETE', `${path}/dead-letters`)
      context.stdout.write(`${plural(discarded, 'dead letter')} given up\n`)
      return EXIT.ok
    }
    const { deadLetters: all } = await api.get<{ deadLetters: DeadLetterView[] }>(
      `${path}/dead-letters`,
    )
    for (const { event, ...letter } of all) {
      const line = { ...letter, event: event === null ? null : (JSON.parse(event) as unknown) }
      context.stdout.write(`${JSON.stringify(line)}\n`)
    }
    if (all.length === 0) say(context, 'there are no dead letters')
    return EXIT.ok
  },
})

const resend = defineCommand({
  name: 'resend',
  arguments: '[id]',
  summary: 'Send the dead letters of a destination again.',
  options: SERVER_OPTIONS,
  details: `Accepted ones leave the list, and so do those whose sessions are no longer stored. Exit code 1: some are left.
  tunmeter destinations resend d0123456789abcdef01`,
  run: async ([id], options, context) => {
    const { api, path } = await atOne(id, options)
    const { delivered, refused, gone, failed } = await api.send<{
      delivered: number
      refused: number
      gone: number
      failed: string | null
    }>('POST', `${path}/resend`)
    context.stdout.write(
      `${delivered} taken, ${refused} refused again, ${gone} not in the log any more\n`,
    )
    if (failed !== null) say(context, `stopped before the last one: ${printable(failed)}`)
    return refused > 0 || failed !== null ? EXIT.failed : EXIT.ok
  },
})

export const destinationsCommand: CommandGroup = {
  name: 'destinations',
  summary:
    'Send stored sessions on to webhooks, Elasticsearch, OTLP, Splunk, syslog or S3, and show the state of delivery.',
  subcommands: [
    ...[list, add, change, test],
    verb('pause', 'Send nothing to a destination until it is resumed.', 'paused'),
    verb('resume', 'Resume a destination; retry a blocked or waiting one at once.', 'resumed'),
    ...[remove, backfill, deadLetters, resend],
  ],
}
