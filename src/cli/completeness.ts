/** `tunmeter completeness`: whether anything is missing in a range of time; exit code 3 when there is. */
import { text, textList, toggle } from '../base/config.js'
import { EXIT } from '../base/errors.js'
import { connect, SERVER_OPTIONS } from './api-client.js'
import { defineCommand } from './command.js'

/** Of `export --require-complete` as well. */
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
  summary: 'Say whether anything is missing in a range of time, and what.',
  options: {
    ...SERVER_OPTIONS,
    from: text('From this time on (ISO 8601). Default: 7 days ago.', 'TIME'),
    to: text('Up to this time. Default: now.', 'TIME'),
    site: textList('Only this site, by its number. Repeatable.', 'N'),
    json: toggle('Print the whole answer as JSON.'),
  },
  details: `Exit code 0: no hole is known; 3: there is one. Causes and their meaning: docs/completeness.md.
  tunmeter completeness --from 2026-11-27T02:00:00Z --to 2026-11-27T03:00:00Z --site 3`,
  run: async (_args, options, context) => {
    const { api, org } = await connect(options)
    const query = new URLSearchParams()
    if (options.from !== undefined) query.set('timeStart', options.from)
    if (options.to !== undefined) query.set('timeEnd', options.to)
    for (const site of options.site) query.append('siteId', site)
    const path = `/api/v1/org/${encodeURIComponent(org)}/completeness?${query}`
    const answer = await api.get<Completeness>(path)
    context.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : lines(answer))
    return answer.complete ? EXIT.ok : EXIT_INCOMPLETE
  },
})

/** The sentence, then each hole on a line. */
function lines({ sentence, sites }: Completeness): string {
  const holes = sites.flatMap(({ siteId, siteName, meters }) =>
    meters.flatMap(({ meterId, holes: own }) =>
      own.map(({ cause, from, to, sessions }) => {
        const lost = sessions === null ? '' : `  ${sessions} sessions`
        return `${siteName ?? `site ${siteId}`}  ${meterId ?? '-'}  ${cause}  ${from}  ${to}${lost}`
      }),
    ),
  )
  return `${[sentence, ...holes].join('\n')}\n`
}
