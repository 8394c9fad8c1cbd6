/** `tunmeter top`: shows the clients, users, resources or results with most traffic in a time range. */
import { choice, integer, toggle } from '../base/config.js'
import { type CommandContext, say } from '../base/context.js'
import { EXIT } from '../base/errors.js'
import { plural } from '../base/quantity.js'
import { terminalWidth } from '../base/terminal.js'
import { type Column, tableText } from '../base/text-table.js'
import { humanBytes, humanCount, painter } from '../meter/output/human.js'
import { CONN_STATE_LABELS } from '../session/outcome.js'
import { connect, orgPath, SERVER_OPTIONS } from './api-client.js'
import { defineCommand } from './command.js'
import { FILTER_OPTIONS, filtersOf } from './log-filters.js'

const GROUPS = [
  'client',
  'user',
  'resource',
  'site',
  'destination',
  'port',
  'protocol',
  'result',
] as const
type Group = (typeof GROUPS)[number]

interface Totals {
  readonly sessions: number
  readonly bytesTx: number
  readonly bytesRx: number
}

interface TopGroup extends Totals {
  readonly id: string | null
  readonly name: string | null
  readonly other: boolean
}

interface Summary {
  readonly totals: Totals & { readonly refused: number; readonly unanswered: number }
  readonly groups: readonly TopGroup[]
}

export const topCommand = defineCommand({
  name: 'top',
  summary: 'Show the largest clients, resources or others of a time range.',
  options: {
    ...SERVER_OPTIONS,
    ...FILTER_OPTIONS,
    by: choice('Dimension of the sums.', 'WORD', GROUPS, 'client'),
    sort: choice('Order of the list.', 'WORD', ['bytes', 'sessions'], 'bytes'),
    limit: integer('Show this many, and the others in one line.', 'N', 10, { min: 1, max: 1000 }),
    json: toggle('Print the answer as JSON, with exact numbers.'),
  },
  details: `Examples:
  tunmeter top --since 24h
  tunmeter top --by resource --client anna --from 2026-11-01 --to 2026-12-01
  tunmeter top --by client --sort sessions --result refused --since yesterday`,
  run: async (_args, options, context) => {
    const target = await connect(options)
    const query = await filtersOf(target, options, context)
    query.set('groupBy', options.by === 'result' ? 'connState' : options.by)
    query.set('top', String(options.limit))
    query.set('by', options.sort)
    const path = `${orgPath(target.org)}/logs/connection/summary`
    const answer = await target.api.get<Summary>(`${path}?${query}`)
    if (options.json) context.stdout.write(`${JSON.stringify(answer)}\n`)
    else show(context, options.by, answer)
    return EXIT.ok
  },
})

function show(context: CommandContext, by: Group, { groups, totals }: Summary): void {
  const { stdout, env } = context
  const bytes = totals.bytesTx + totals.bytesRx
  const all: TopGroup = { ...totals, id: 'total', name: 'total', other: false }
  const rows = groups.length > 1 ? [...groups, all] : groups
  const columns: Column<TopGroup>[] = [
    {
      title: by.toUpperCase(),
      shrinksTo: 12,
      style: 'cyan',
      read: (group) => nameOf(group, by),
    },
    ...COUNTS,
    {
      title: 'SHARE',
      align: 'right',
      read: (g) => (bytes === 0 ? '-' : `${Math.round(((g.bytesTx + g.bytesRx) / bytes) * 100)} %`),
    },
  ]
  const options = { paint: painter(stdout, env), width: terminalWidth(stdout, env) }
  stdout.write(tableText([columns], rows, options))
  const { sessions, refused, unanswered } = totals
  say(
    context,
    sessions === 0
      ? 'no sessions in this time range'
      : `${plural(sessions, 'session')}, ${humanCount(refused)} refused, ${humanCount(unanswered)} without an answer`,
  )
}

/** Columns of both `top` and `usage`. */
export const COUNTS: readonly Column<Totals>[] = [
  { title: 'SESSIONS', align: 'right', read: (row) => humanCount(row.sessions) },
  { title: 'SENT', align: 'right', style: 'bold', read: (row) => humanBytes(row.bytesTx) },
  { title: 'RECEIVED', align: 'right', style: 'bold', read: (row) => humanBytes(row.bytesRx) },
]

function nameOf({ id, name, other }: TopGroup, by: Group): string {
  if (other) return '(others)'
  if (by === 'result' && id !== null)
    return (CONN_STATE_LABELS as Readonly<Record<string, string>>)[id] ?? name ?? id
  return labelOf(id, name)
}

/** The name, or the id of an entry that the catalog does not name; sessions without a client (user, …) have neither. */
export function labelOf(id: string | null, name: string | null): string {
  return name ?? (id === null ? '(none)' : id)
}
