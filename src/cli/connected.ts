/** `tunmeter connected`: lists the connections of clients with times and addresses, or the single events. */
import { badOptions, integer, type OptionValues, textList, toggle } from '../base/config.js'
import { type CommandContext, say } from '../base/context.js'
import { EXIT } from '../base/errors.js'
import { localTime, zoneAt } from '../base/local-time.js'
import { plural } from '../base/quantity.js'
import { terminalWidth } from '../base/terminal.js'
import { type Column, tableText } from '../base/text-table.js'
import { painter } from '../meter/output/human.js'
import type { PeerConnectionView, PeerEventView } from '../server/http/peer-schemas.js'
import { connect, orgPath, SERVER_OPTIONS } from './api-client.js'
import { defineCommand } from './command.js'
import { Names, RANGE_OPTIONS, rangeOf, SITE_OPTION } from './log-filters.js'

const PAGE_MAX = 1000

const OPTIONS = {
  ...SERVER_OPTIONS,
  ...RANGE_OPTIONS,
  client: textList('Only this client, by name or number; "none": peers without one.', 'NAME'),
  user: textList('Only this user, by name, e-mail or id; "none": without one.', 'NAME'),
  site: SITE_OPTION,
  publicKey: textList('Only the peer with this public key. Repeatable.', 'KEY'),
  now: toggle('Only those that are connected now.'),
  events: toggle('Each event instead: connected, moved, disconnected, added, gone.'),
  limit: integer('Show at most this many, the newest.', 'N', 50, { min: 1, max: PAGE_MAX }),
  json: toggle('One JSON object a line, with all fields.'),
}

export const connectedCommand = defineCommand({
  name: 'connected',
  summary: 'Show which clients were connected when, and from where.',
  options: OPTIONS,
  details: `Meters record changes of WireGuard's peers: docs/wireguard.md, "Who was connected".
Times are local (TZ). "≤": already connected at the meter's first reading; "?": its meter no longer reports.

Examples:
  tunmeter connected --now
  tunmeter connected --client anna --since 30d
  tunmeter connected --events --from yesterday --to today`,
  run,
})

async function run(
  _args: readonly string[],
  options: OptionValues<typeof OPTIONS>,
  context: CommandContext,
): Promise<number> {
  if (options.now && options.events)
    throw badOptions(['--now is of connections: leave out --events'])
  const target = await connect(options)
  const query = await queryOf(target, options, context)
  const path = `${orgPath(target.org)}/logs/peers`
  const rows = options.events
    ? (await target.api.get<{ log: PeerEventView[] }>(`${path}?${query}`)).log
    : (await target.api.get<{ connections: PeerConnectionView[] }>(`${path}/connections?${query}`))
        .connections
  // The newest row comes last, as in a log.
  const inOrder = [...rows].reverse()
  if (options.json) {
    for (const row of inOrder) context.stdout.write(`${JSON.stringify(row)}\n`)
    return EXIT.ok
  }
  const { stdout, env } = context
  const style = { paint: painter(stdout, env), width: terminalWidth(stdout, env) }
  const text = options.events
    ? tableText(EVENT_LAYOUTS, inOrder as PeerEventView[], style)
    : tableText(LAYOUTS, inOrder as PeerConnectionView[], style)
  stdout.write(text)
  const zone = zoneAt(Date.now())
  const what = plural(rows.length, options.events ? 'event' : 'connection')
  const more = rows.length === options.limit ? '; --limit N shows more' : ''
  say(context, `${what} of ${target.org}, local time (${zone})${more}`)
  return EXIT.ok
}

/** @throws AppError BAD_OPTIONS, UNKNOWN_NAME */
async function queryOf(
  target: Awaited<ReturnType<typeof connect>>,
  options: OptionValues<typeof OPTIONS>,
  context: CommandContext,
): Promise<URLSearchParams> {
  const query = new URLSearchParams({ limit: String(options.limit) })
  const range = rangeOf(options)
  if (range.from !== undefined) query.set('timeStart', range.from)
  if (range.to !== undefined) query.set('timeEnd', range.to)
  if (options.now) query.set('now', 'true')
  for (const key of options.publicKey) query.append('publicKey', key)
  const names = new Names(target, context)
  const parameters = { client: 'clientId', user: 'userId', site: 'siteId' } as const
  for (const kind of ['client', 'user', 'site'] as const)
    for (const text of options[kind])
      for (const id of await names.ids(kind, text)) query.append(parameters[kind], id)
  return query
}

const time = (iso: string): string => localTime(Date.parse(iso))

function whoColumns<Row extends PeerConnectionView | PeerEventView>(): Column<Row>[] {
  return [
    {
      title: 'CLIENT',
      shrinksTo: 12,
      read: (row) =>
        row.clientName ??
        (row.clientId === null ? (row.publicKey ?? '-') : `client ${row.clientId}`),
    },
    {
      title: 'USER',
      shrinksTo: 10,
      optional: true,
      read: (row) => row.userName ?? row.userId ?? '',
    },
    { title: 'SITE', shrinksTo: 10, read: (row) => row.siteName ?? `site ${row.siteId}` },
  ]
}

const CONNECTION_COLUMNS: readonly Column<PeerConnectionView>[] = [
  { title: 'FROM', read: (row) => `${row.already ? '≤' : ''}${time(row.from)}` },
  {
    title: 'TO',
    read: ({ to, state }) => (to === null ? (state === 'connected' ? 'now' : '?') : time(to)),
  },
  ...whoColumns<PeerConnectionView>(),
  { title: 'ENDPOINT', read: (row) => row.endpoint ?? '-' },
  {
    title: 'BEFORE',
    optional: true,
    shrinksTo: 15,
    read: (row) => row.endpoints.slice(0, -1).reverse().join(', '),
  },
]
const EVENT_COLUMNS: readonly Column<PeerEventView>[] = [
  { title: 'TIME', read: (row) => time(row.time) },
  { title: 'EVENT', read: (row) => (row.already ? 'connected already' : row.event) },
  ...whoColumns<PeerEventView>(),
  { title: 'ENDPOINT', read: (row) => row.endpoint ?? '-' },
  {
    title: 'BEFORE',
    optional: true,
    read: (row) => row.endpointBefore ?? row.allowedIpsBefore ?? '',
  },
  { title: 'ALLOWED IPS', optional: true, shrinksTo: 15, read: (row) => row.allowedIps ?? '' },
]
const without = <Row>(columns: readonly Column<Row>[], ...titles: string[]) =>
  columns.filter(({ title }) => !titles.includes(title))
/** The widest layout comes first. Narrower ones leave out less important columns. */
const LAYOUTS = [
  CONNECTION_COLUMNS,
  without(CONNECTION_COLUMNS, 'BEFORE'),
  without(CONNECTION_COLUMNS, 'BEFORE', 'SITE', 'USER'),
]
const EVENT_LAYOUTS = [
  EVENT_COLUMNS,
  without(EVENT_COLUMNS, 'ALLOWED IPS'),
  without(EVENT_COLUMNS, 'ALLOWED IPS', 'SITE', 'USER'),
]
