/** `tunmeter completeness`: shows what is missing in a time range; exit code 3 for any hole. */
import { toggle } from '../base/config.js'
import type { CommandContext } from '../base/context.js'
import { EXIT } from '../base/errors.js'
import { terminalWidth } from '../base/terminal.js'
import { type Column, tableText } from '../base/text-table.js'
import { humanCount, painter } from '../meter/output/human.js'
import { connect, orgPath, SERVER_OPTIONS } from './api-client.js'
import { defineCommand } from './command.js'
import { Names, RANGE_OPTIONS, rangeOf, SITE_OPTION } from './log-filters.js'

/** Also the exit code of `export --require-complete`. */
export const EXIT_INCOMPLETE = 3

export type Completeness = {
  readonly complete: boolean
  readonly coveredShare: number
  readonly sessionsLost: number
  readonly from: string
  readonly until: string
  readonly sentence: string
  readonly sites: readonly {
    readonly siteId: number
    readonly siteName: string | null
    readonly coveredShare: number
    readonly meters: readonly {
      readonly meterId: string | null
      readonly holes: readonly {
        readonly cause: string
        readonly from: string
        readonly to: string
        readonly sessions: number | null
      }[]
    }[]
  }[]
}

export const completenessCommand = defineCommand({
  name: 'completeness',
  summary: 'Show what is missing in a time range.',
  options: {
    ...SERVER_OPTIONS,
    ...RANGE_OPTIONS,
    site: SITE_OPTION,
    json: toggle('Print the whole answer as JSON.'),
  },
  details: `Exit code 0: no hole is known; 3: there is one, or nothing is known yet. Causes and their meaning: docs/completeness.md.
  tunmeter completeness --since yesterday
  tunmeter completeness --from 2026-11-27T02:00:00Z --to 2026-11-27T03:00:00Z --site 3`,
  run: async (_args, options, context) => {
    const range = rangeOf(options)
    const { api, org } = await connect(options)
    const query = new URLSearchParams()
    if (range.from !== undefined) query.set('timeStart', range.from)
    if (range.to !== undefined) query.set('timeEnd', range.to)
    const names = new Names({ api, org }, context)
    for (const site of options.site)
      for (const id of await names.ids('site', site)) query.append('siteId', id)
    const path = `${orgPath(org)}/completeness?${query}`
    const answer = await api.get<Completeness>(path)
    context.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : said(answer, context))
    return answer.complete ? EXIT.ok : EXIT_INCOMPLETE
  },
})

type HoleRow = Completeness['sites'][number]['meters'][number]['holes'][number] & {
  readonly site: string
  readonly meterId: string | null
}

/** Times are UTC, as in the sentence above the table. */
const COLUMNS: readonly Column<HoleRow>[] = [
  { title: 'SITE', shrinksTo: 12, read: (hole) => hole.site },
  { title: 'METER', shrinksTo: 12, read: (hole) => hole.meterId ?? '-' },
  { title: 'CAUSE', read: (hole) => hole.cause },
  { title: 'FROM (UTC)', read: (hole) => utc(hole.from) },
  { title: 'TO (UTC)', read: (hole) => utc(hole.to) },
  {
    title: 'SESSIONS',
    align: 'right',
    optional: true,
    read: ({ sessions }) => (sessions === null ? '' : humanCount(sessions)),
  },
]
/** From wide to narrow. */
const LAYOUTS = [COLUMNS, COLUMNS.filter(({ title }) => title !== 'METER')]

const utc = (iso: string): string => iso.slice(0, 19).replace('T', ' ')

/** The sentence, then each hole on a line. */
function said({ sentence, sites }: Completeness, { stdout, env }: CommandContext): string {
  const holes = sites.flatMap(({ siteId, siteName, meters }) =>
    meters.flatMap(({ meterId, holes: own }) =>
      own.map((hole) => ({ ...hole, meterId, site: siteName ?? `site ${siteId}` })),
    ),
  )
  const options = { paint: painter(stdout, env), width: terminalWidth(stdout, env) }
  return `${sentence}\n${tableText(LAYOUTS, holes, options)}`
}
