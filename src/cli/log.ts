/** `tunmeter log`: shows a server's sessions at a terminal, the newest last. */
import { badOptions, integer, toggle } from '../base/config.js'
import { type CommandContext, say } from '../base/context.js'
import { EXIT } from '../base/errors.js'
import { zoneAt } from '../base/local-time.js'
import { printable } from '../base/printable.js'
import { formatCount, plural } from '../base/quantity.js'
import { terminalWidth } from '../base/terminal.js'
import { painter } from '../meter/output/human.js'
import { sessionTable } from '../meter/output/table.js'
import { connect, SERVER_OPTIONS } from './api-client.js'
import { defineCommand } from './command.js'
import { FILTER_OPTIONS, filtersOf } from './log-filters.js'
import { followLog, type RowPrinter, seenBefore } from './log-follow.js'
import { type LogPage, newestRows } from './log-page.js'
import { type LogRow, shownOf } from './log-row.js'

export const logCommand = defineCommand({
  name: 'log',
  summary: 'Show sessions of a server: who, which resource, when, how much, how it ended.',
  options: {
    ...SERVER_OPTIONS,
    ...FILTER_OPTIONS,
    limit: integer('Show at most this many sessions, the newest.', 'N', 50, {
      min: 1,
      max: 100_000,
    }),
    follow: toggle('Keep running: show sessions as they arrive, and again when they end.'),
    json: toggle('One JSON object a line, with all fields.'),
  },
  details: `Examples:
  tunmeter log --since 24h --resource Database
  tunmeter log --from "yesterday 18:00" --to today --result refused
  tunmeter log --client anna --follow
  tunmeter log --view "SSH refused" --since 7d
Times are local (TZ). The table is as wide as the terminal, or COLUMNS; in a pipe or a file nothing is cut.
All sessions of a range: tunmeter export.`,
  run: async (_args, options, context) => {
    if (options.follow && options.to !== undefined)
      throw badOptions(['--follow has no end: leave out --to'])
    const target = await connect(options)
    const query = await filtersOf(target, options, context)
    if (options.follow && query.has('timeEnd'))
      throw badOptions(['--follow has no end, but the view has one: add --since'])
    const print = printer(context, options)
    const before = options.follow ? await seenBefore(target, query) : null
    const { rows, first } = await newestRows(target, query, options.limit)
    for (const row of rows.toReversed()) print.row(row)
    print.flush()
    if (!options.json) sayAbout(context, target.org, rows, first)
    if (before !== null) await followLog({ target, query, print, context, before, shown: rows })
    return EXIT.ok
  },
})

function printer(
  { stdout, env }: CommandContext,
  { json, follow }: { json: boolean; follow: boolean },
): RowPrinter {
  if (json) {
    return { row: (row) => stdout.write(`${JSON.stringify(row)}\n`), flush: () => undefined }
  }
  const width = terminalWidth(stdout, env)
  const table = sessionTable({ paint: painter(stdout, env), width, isGrowing: follow })
  return {
    row: (row) => table.row(shownOf(row)),
    flush: () => {
      table.end()
      stdout.write(table.take())
    },
  }
}

/** Says on standard error how many sessions there are, in which zone the times are, and what is missing. */
function sayAbout(
  context: CommandContext,
  org: string,
  rows: readonly LogRow[],
  { pagination, notice }: LogPage,
): void {
  const [newest] = rows
  if (newest === undefined) say(context, printable(notice?.message ?? 'no session'))
  else {
    const total = pagination.total ?? rows.length
    const all = `${plural(total, 'session')} of ${org}`
    const isPart = rows.length < total
    const shown = isPart ? `the newest ${formatCount(rows.length)} of ${all}` : all
    const zone = zoneAt(Date.parse(newest.startTime))
    say(context, `${shown}, local time (${zone})${isPart ? '; --limit N shows more' : ''}`)
    if (notice !== null) say(context, printable(notice.message))
  }
}
