/** `tunmeter usage`: shows monthly totals, as for bills. They stay after retention has deleted the sessions. */
import { badOptions, choice, toggle } from '../base/config.js'
import { type CommandContext, say } from '../base/context.js'
import { EXIT } from '../base/errors.js'
import { terminalWidth } from '../base/terminal.js'
import { type Column, tableText } from '../base/text-table.js'
import { painter } from '../meter/output/human.js'
import { CSV_LINE_END, csvCell, csvName } from '../session/csv.js'
import { connect, orgPath, SERVER_OPTIONS } from './api-client.js'
import { defineCommand } from './command.js'
import { month } from './moment.js'
import { COUNTS, labelOf } from './top.js'

interface UsageRow {
  readonly month: string
  readonly id: string | null
  readonly name: string | null
  readonly sessions: number
  readonly bytesTx: number
  readonly bytesRx: number
}

interface Usage {
  readonly from: string
  readonly to: string
  readonly usage: readonly UsageRow[]
}

export const usageCommand = defineCommand({
  name: 'usage',
  summary:
    'Show totals per month and client, user, resource or site, also of sessions that retention has deleted.',
  options: {
    ...SERVER_OPTIONS,
    from: month(
      'First month (UTC), as in 2026-11, "this month" or "last month". Default: 11 months before --to.',
    ),
    to: month('Last month. Default: this month.'),
    by: choice('Dimension of the sums.', 'WORD', ['client', 'user', 'resource', 'site'], 'client'),
    csv: toggle('Print CSV, with exact numbers.'),
    json: toggle('Print the answer as JSON, with exact numbers.'),
  },
  details: `Example:
  tunmeter usage --by user --from "last month" --to "last month" --csv > bill.csv`,
  run: async (_args, options, context) => {
    const { from, to, csv, json } = options
    if (csv && json) throw badOptions(['--csv and --json exclude each other'])
    if (from !== undefined && to !== undefined && from > to)
      throw badOptions([`--to ${to} is before --from ${from}`])
    const { api, org } = await connect(options)
    const query = new URLSearchParams({ groupBy: options.by })
    if (from !== undefined) query.set('from', from)
    if (to !== undefined) query.set('to', to)
    const answer = await api.get<Usage>(`${orgPath(org)}/usage?${query}`)
    if (json) context.stdout.write(`${JSON.stringify(answer)}\n`)
    else if (csv) context.stdout.write(csvOf(answer.usage))
    else show(context, options.by, answer)
    return EXIT.ok
  },
})

function csvOf(rows: readonly UsageRow[]): string {
  const lines = rows.map(({ month: of, id, name, sessions, bytesTx, bytesRx }) =>
    [of, csvCell(id), csvName(name), sessions, bytesTx, bytesRx].join(','),
  )
  return ['month,id,name,sessions,bytesTx,bytesRx', ...lines, ''].join(CSV_LINE_END)
}

function show(context: CommandContext, by: string, { from, to, usage }: Usage): void {
  const { stdout, env } = context
  const columns: Column<UsageRow>[] = [
    { title: 'MONTH', read: (row) => row.month },
    {
      title: by.toUpperCase(),
      shrinksTo: 12,
      style: 'cyan',
      read: ({ id, name }) => labelOf(id, name),
    },
    ...COUNTS,
  ]
  const options = { paint: painter(stdout, env), width: terminalWidth(stdout, env) }
  stdout.write(tableText([columns], usage, options))
  say(
    context,
    usage.length === 0 ? `nothing from ${from} to ${to}` : `months ${from} to ${to}, UTC`,
  )
}
