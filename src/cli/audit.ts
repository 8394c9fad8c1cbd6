/** `tunmeter audit`: shows the audit trail: sign-ins, queries about a person, exports, changes and deletions. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { choice, integer, text, textList, toggle } from '../base/config.js'
import { say } from '../base/context.js'
import { EXIT } from '../base/errors.js'
import { printable } from '../base/printable.js'
import { plural } from '../base/quantity.js'
import { takeWhole } from '../base/whole-file.js'
import { type ApiClient, connect, orgPath, SERVER_OPTIONS } from './api-client.js'
import { defineCommand } from './command.js'
import { moment } from './moment.js'

interface Entry {
  readonly at: string
  readonly event: string
  readonly count: number
  readonly until: string | null
  readonly address: string | null
  readonly by: string | null
  readonly byName: string | null
  readonly facts: Readonly<Record<string, unknown>>
}
interface Page {
  readonly audit: readonly Entry[]
  readonly nextCursor: string | null
  readonly dropped: number
}

const PAGE = 1000

export const auditCommand = defineCommand({
  name: 'audit',
  summary: 'Show the audit trail: sign-ins, searches for persons, exports, changes, deletions.',
  options: {
    ...SERVER_OPTIONS,
    operator: toggle('Show the server’s own trail instead of an organisation’s; needs a root key.'),
    from: moment('From this time on, as in 24h or yesterday. Default: all there is.'),
    to: moment('Up to this time. Default: now.'),
    event: textList('Only this event, as in keyCreated. Repeatable.', 'NAME'),
    keyId: text('Only events by or about this key.', 'ID'),
    address: text('Only from this address.', 'ADDRESS'),
    limit: integer('Show at most this many entries, the newest; for text only.', 'N', 100, {
      min: 1,
      max: 1_000_000,
    }),
    format: choice('Text, or all entries as a file.', 'FORMAT', ['text', 'ndjson', 'csv'], 'text'),
  },
  details: `Events and their meaning: docs/audit.md. Newest first.
  tunmeter audit --event personQueried --event exportStarted --from 2026-11-01
  tunmeter audit --format ndjson > audit.ndjson`,
  run: async (_args, options, context) => {
    const { operator, org: asked } = options
    const { api, org } = await connect({ ...options, org: operator ? '' : asked })
    const path = operator ? '/api/v1/audit' : `${orgPath(org)}/audit`
    const query = queryOf(options)
    if (options.format !== 'text') {
      query.set('format', options.format)
      const response = await api.open(`${path}/export?${query}`)
      const body = Readable.fromWeb(response.body as ReadableStream)
      await takeWhole(body, pipeline(body, context.stdout, { end: false }))
      return EXIT.ok
    }
    const { dropped, isMore } = await show(api, path, query, options.limit, (line) =>
      context.stdout.write(line),
    )
    if (isMore)
      say(context, 'there are more entries: raise --limit, or use --format ndjson for all')
    if (dropped > 0)
      say(
        context,
        `the trail was full: ${plural(dropped, 'older entry is', 'older entries are')} deleted (docs/audit.md)`,
      )
    return EXIT.ok
  },
})

interface Filters {
  readonly from: string | undefined
  readonly to: string | undefined
  readonly event: readonly string[]
  readonly keyId: string | undefined
  readonly address: string | undefined
}

function queryOf({ from, to, event, keyId, address }: Filters): URLSearchParams {
  const query = new URLSearchParams()
  if (from !== undefined) query.set('timeStart', from)
  if (to !== undefined) query.set('timeEnd', to)
  for (const name of event) query.append('event', name)
  if (keyId !== undefined) query.set('keyId', keyId)
  if (address !== undefined) query.set('address', address)
  return query
}

async function show(
  api: ApiClient,
  path: string,
  query: URLSearchParams,
  limit: number,
  write: (line: string) => void,
): Promise<{ dropped: number; isMore: boolean }> {
  let left = limit
  for (;;) {
    query.set('limit', String(Math.min(PAGE, left)))
    const { audit, nextCursor, dropped } = await api.get<Page>(`${path}?${query}`)
    for (const entry of audit) write(`${lineOf(entry)}\n`)
    left -= audit.length
    if (nextCursor === null || left <= 0) return { dropped, isMore: nextCursor !== null }
    query.set('cursor', nextCursor)
  }
}

/** `2026-11-27T10:00:00.000Z  keyCreated  me (Xk3vQ0b1mZ9a) 10.0.0.7  {"made":"read"}` */
function lineOf({ at, event, count, until, address, by, byName, facts }: Entry): string {
  const often = count === 1 ? '' : ` ×${count} until ${until}`
  const who = by === null ? '-' : `${byName} (${by})`
  const from = address ?? 'here'
  return printable(`${at}  ${event}${often}  ${who} ${from}  ${JSON.stringify(facts)}`, 20_000)
}
