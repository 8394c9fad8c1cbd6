/** `tunmeter export`: writes the server's export to a file or a pipe, with a progress bar on a terminal. */
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { badOptions, choice, text, textList, toggle } from '../base/config.js'
import { say } from '../base/context.js'
import { EXIT } from '../base/errors.js'
import { formatCount, plural } from '../base/quantity.js'
import { takeWhole, writeWhole } from '../base/whole-file.js'
import { IPFIX_FLAGS } from '../meter/ipfix/ipfix-flags.js'
import { type Progress, progressOn } from '../meter/output/progress.js'
import type { Manifest } from '../session/manifest.js'
import { type ApiClient, connect, orgPath, SERVER_OPTIONS } from './api-client.js'
import { defineCommand } from './command.js'
import { type Completeness, EXIT_INCOMPLETE } from './completeness.js'
import { sendIpfix } from './export-ipfix.js'
import { Facts } from './file-facts.js'
import { filterQuery, RANGE_OPTIONS, rangeOf } from './log-filters.js'
import { writeManifest } from './manifest.js'

const DEFAULT_RANGE_MS = 7 * 86400e3
/** Filters that find sessions of any age. Such an export has no time range, and so no completeness. */
const ANY_TIME = ['sessionId', 'state']

/** Sets both ends, so that count, completeness and export have the same range. Null: sessions of any time. */
function rangeIn(
  query: URLSearchParams,
  { from, to }: { from?: string; to?: string },
): { from: string; to: string } | null {
  const end = to ?? new Date().toISOString()
  query.set('timeEnd', end)
  const endMs = Date.parse(end)
  const start =
    from ??
    (Number.isNaN(endMs) || ANY_TIME.some((name) => query.has(name))
      ? undefined
      : new Date(Math.max(0, Math.min(endMs, Date.now()) - DEFAULT_RANGE_MS)).toISOString())
  if (start === undefined) return null
  query.set('timeStart', start)
  return { from: start, to: end }
}

/** Ask before the export, because the file then has every session that this answer counts as stored. */
async function completenessOf(
  api: ApiClient,
  org: string,
  range: { from: string; to: string } | null,
  query: URLSearchParams,
): Promise<Completeness | null> {
  if (range === null) return null
  const asked = new URLSearchParams({ timeStart: range.from, timeEnd: range.to })
  for (const site of query.getAll('siteId')) asked.append('siteId', site)
  return api.get<Completeness>(`${orgPath(org)}/completeness?${asked}`)
}

/**
 * Null: nothing is missing until `to`, or without it until the newest reports, where such an export ends. What comes
 * later than them is not known yet, and must not be in a file that counts as complete.
 */
function whatIsMissing(completeness: Completeness | null, to: string | undefined): string | null {
  if (completeness === null) return 'An export of any time has no completeness: add --from.'
  const { complete, sentence, until } = completeness
  if (!complete) return sentence
  if (to === undefined || Date.parse(until) >= Date.parse(to)) return null
  return `${sentence} Nothing is known yet of the time from ${until} to ${to}: export it later, or leave out the end.`
}

/** The size of the file, and the earlier count if it differs: sessions can arrive or be deleted in between. */
function written(came: { rows: number } | { bytes: number }, total: number, org: string): string {
  if ('bytes' in came)
    return `${plural(came.bytes, 'byte')} (${plural(total, 'session')} of ${org} counted) written`
  const { rows } = came
  const were = total === 1 ? 'was' : 'were'
  const counted = rows === total ? '' : ` (${formatCount(total)} ${were} counted before)`
  return `${plural(rows, 'session')} of ${org}${counted} written`
}

function through(facts: Facts, format: string, progress: Progress, total: number): Transform {
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      facts.take(chunk)
      const sessions = plural(total, 'session')
      if (format === 'parquet') progress.update(facts.bytes, 0, sessions)
      else progress.update(facts.rows, total, `${formatCount(facts.rows)} of ${sessions}`)
      done(null, chunk)
    },
  })
}

async function askedBy(api: ApiClient, url: string): Promise<Pick<Manifest, 'askedBy' | 'server'>> {
  const key = await api.get<{ keyId: string; name: string; version?: string }>('/api/v1/key')
  const { keyId, name, version = 'unknown' } = key
  return { askedBy: { keyId, name }, server: { url, version } }
}

function refuseTwoPlaces(
  isIpfix: boolean,
  origin: (name: 'format' | 'output') => string | undefined,
) {
  const others = [origin('format'), origin('output')].filter((one) => one !== undefined)
  if (isIpfix && others.length > 0)
    throw badOptions([`--ipfix has its own format and place: leave out ${others.join(' and ')}`])
}

function refuseManifestLine(options: {
  manifestLine: boolean
  format: string
  output: string | undefined
  ipfix: string | undefined
}): void {
  const { manifestLine, format, output, ipfix } = options
  if (!manifestLine) return
  if (format !== 'ndjson' || ipfix !== undefined)
    throw badOptions(['--manifest-line goes with --format ndjson'])
  if (output !== undefined)
    throw badOptions(['--manifest-line is for standard output: --output writes a manifest anyway'])
}

export const exportCommand = defineCommand({
  name: 'export',
  summary: 'Export connection logs of a server as CSV, NDJSON or Parquet.',
  options: {
    ...SERVER_OPTIONS,
    format: choice('Format.', 'FORMAT', ['csv', 'ndjson', 'parquet'], 'csv'),
    ...RANGE_OPTIONS,
    filter: textList('Any filter of the API. Repeatable.', 'NAME=VALUE'),
    output: text(
      'File to write, replaced once the export is complete, with FILE.manifest.json beside it. Default: standard output.',
      'FILE',
    ),
    ...IPFIX_FLAGS,
    manifestLine: toggle('End NDJSON on standard output with its manifest, as one more line.'),
    requireComplete: toggle(
      'Write nothing and exit with 3 if something is missing in the range. Without --to it ends where the newest reports end.',
    ),
  },
  details: `Filters are those of the API (docs/api.md):
  tunmeter export --from 2026-11-01 --filter clientId=7 --filter destAddr=10.0.0.0/8 --output week.csv
The manifest holds range, filters, rows, SHA-256, and what is missing in the range (docs/completeness.md):
  tunmeter verify week.csv
--ipfix sends the ended ones to a collector, or writes them to a file, in place of --output (docs/outputs.md).`,
  run: async (_args, options, context, origin) => {
    refuseTwoPlaces(options.ipfix !== undefined, origin)
    refuseManifestLine(options)
    const query = filterQuery(options.filter)
    const asked = rangeOf(options)
    let range = rangeIn(query, asked)
    const { api, org } = await connect(options)
    const isAsked = options.output !== undefined || options.requireComplete
    const completeness = isAsked ? await completenessOf(api, org, range, query) : null
    if (options.requireComplete) {
      const missing = whatIsMissing(completeness, asked.to)
      if (missing !== null) {
        say(context, missing)
        return EXIT_INCOMPLETE
      }
      if (asked.to === undefined) range = rangeIn(query, { ...range!, to: completeness!.until })
    }
    const askedAt = new Date().toISOString()
    const path = `${orgPath(org)}/logs/connection`
    const count = await api.get<{ pagination: { total: number } }>(
      `${path}?${query}&limit=1&attributes=false`,
    )
    const { total } = count.pagination
    const { format, output, ipfix } = options
    query.set('format', ipfix === undefined ? format : 'ndjson')
    if (options.manifestLine) query.set('manifest', 'line')
    const response = await api.open(`${path}/export?${query}`)
    const progress = progressOn(context.stderr)
    const body = Readable.fromWeb(response.body as ReadableStream)
    if (ipfix !== undefined) {
      const { sent, uncounted } = await sendIpfix(
        body,
        { ...options, ipfix },
        progress,
        total,
        (line) => say(context, line),
      ).finally(() => progress.clear())
      const logs = uncounted === 0 ? '' : `, nor ${formatCount(uncounted)} of access logs`
      const others =
        sent === total ? '' : ` (${formatCount(total)} counted; open sessions are not sent${logs})`
      say(context, `${plural(sent, 'session')} of ${org} sent as IPFIX to ${ipfix}${others}`)
      return EXIT.ok
    }
    const passing = new Facts(format)
    try {
      const counted = through(passing, format, progress, total)
      if (output === undefined)
        await takeWhole(body, pipeline(body, counted, context.stdout, { end: false }))
      else await writeWhole(output, body, counted, (line) => say(context, line))
    } finally {
      progress.clear()
    }
    if (output === undefined) return EXIT.ok
    const facts = passing.ended()
    const head = { org, format, range, filters: [...options.filter], askedAt, completeness }
    writeManifest(output, { ...head, ...(await askedBy(api, options.server)), ...facts })
    const { rows, bytes } = facts
    say(context, `${written(rows === null ? { bytes } : { rows }, total, org)} to ${output}`)
    return EXIT.ok
  },
})
