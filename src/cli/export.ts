/** `tunmeter export`: the server's export, to a file or a pipe, with a progress bar on a terminal. */
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { badOptions, choice, text, textList } from '../base/config.js'
import { EXIT } from '../base/errors.js'
import { takeWhole, writeWhole } from '../base/whole-file.js'
import { progressOn } from '../meter/output/progress.js'
import { connect, SERVER_OPTIONS, say } from './api-client.js'
import { defineCommand } from './command.js'

const NEWLINE = 0x0a
const QUOTE = 0x22

function newlines(chunk: Buffer): number {
  let count = 0
  for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) count++
  return count
}

/** Counts line ends; not those within quoted cells of CSV. (A quote that is doubled changes nothing.) */
function lineCounter(quoting: boolean): (chunk: Buffer) => number {
  let lines = 0
  let quoted = false
  return (chunk) => {
    for (let from = 0; from < chunk.length; ) {
      const quote = quoting ? chunk.indexOf(QUOTE, from) : -1
      const to = quote === -1 ? chunk.length : quote
      if (!quoted) lines += newlines(chunk.subarray(from, to))
      if (quote !== -1) quoted = !quoted
      from = to + 1
    }
    return lines
  }
}

function filterQuery(filters: readonly string[]): URLSearchParams {
  const query = new URLSearchParams()
  for (const filter of filters) {
    const at = filter.indexOf('=')
    if (at <= 0)
      throw badOptions([
        `--filter: ${JSON.stringify(filter)}: expected NAME=VALUE, as in clientId=7`,
      ])
    query.append(filter.slice(0, at), filter.slice(at + 1))
  }
  return query
}

/** What came, and what was counted before: rows may be deleted or come late in between. */
function written(came: { rows: number } | { bytes: number }, total: number, org: string): string {
  if ('bytes' in came) return `${came.bytes} bytes (${total} sessions of ${org} counted) written`
  const { rows } = came
  const counted = rows === total ? '' : ` (${total} were counted before)`
  return `${rows} sessions of ${org}${counted} written`
}

export const exportCommand = defineCommand({
  name: 'export',
  summary: 'Export connection logs of a server as CSV, NDJSON or Parquet.',
  options: {
    ...SERVER_OPTIONS,
    format: choice('Format.', 'FORMAT', ['csv', 'ndjson', 'parquet'], 'csv'),
    from: text(
      'Sessions that started at or after this time (ISO 8601). Default: 7 days ago.',
      'TIME',
    ),
    to: text('Sessions that started before this time. Default: now.', 'TIME'),
    filter: textList('Any filter of the API. Repeatable.', 'NAME=VALUE'),
    output: text(
      'File to write; it is replaced when the export is whole. Default: standard output.',
      'FILE',
    ),
  },
  details: `Filters are those of the API (docs/api.md):
  tunmeter export --from 2026-11-01 --filter clientId=7 --filter destAddr=10.0.0.0/8 --output week.csv`,
  run: async (_args, options, context) => {
    const { api, org } = await connect(options)
    const query = filterQuery(options.filter)
    if (options.from !== undefined) query.set('timeStart', options.from)
    // One end for count and export: rows that arrive in between change neither.
    query.set('timeEnd', options.to ?? new Date().toISOString())
    const path = `/api/v1/org/${encodeURIComponent(org)}/logs/connection`
    const count = await api.get<{ pagination: { total: number } }>(
      `${path}?${query}&limit=1&attributes=false`,
    )
    const { total } = count.pagination
    query.set('format', options.format)
    const response = await api.open(`${path}/export?${query}`)
    const progress = progressOn(context.stderr)
    const header = options.format === 'csv' ? 1 : 0
    const parquet = options.format === 'parquet'
    const countLines = lineCounter(options.format === 'csv')
    let rows = 0
    let bytes = 0
    const meter = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        bytes += chunk.length
        if (parquet) progress.update(bytes, 0, `${total} sessions`)
        else {
          rows = Math.max(0, countLines(chunk) - header)
          progress.update(rows, total, `${rows} of ${total} sessions`)
        }
        done(null, chunk)
      },
    })
    const body = Readable.fromWeb(response.body as ReadableStream)
    try {
      if (options.output === undefined)
        await takeWhole(body, pipeline(body, meter, context.stdout, { end: false }))
      else await writeWhole(options.output, body, meter)
    } finally {
      progress.clear()
    }
    if (options.output !== undefined)
      say(context, `${written(parquet ? { bytes } : { rows }, total, org)} to ${options.output}`)
    return EXIT.ok
  },
})
