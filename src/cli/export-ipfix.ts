/** `tunmeter export --ipfix`: sends the rows of an export as IPFIX. */
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AppError } from '../base/errors.js'
import { formatCount } from '../base/quantity.js'
import { takeWhole, wholePlace } from '../base/whole-file.js'
import type { IpfixFacts } from '../meter/ipfix/encode.js'
import type { IpfixExporter } from '../meter/ipfix/exporter.js'
import { type IpfixFlags, openExporter } from '../meter/ipfix/ipfix-flags.js'
import { ipfixPlace } from '../meter/ipfix/place.js'
import type { Progress } from '../meter/output/progress.js'
import { isoTimeUs } from '../session/bounds.js'
import { parseEndpoint } from '../session/endpoint.js'
import { END_REASONS } from '../session/session.js'

/** In characters. A row of the server has about 1,000. */
const ROW_LENGTH_MAX = 2 ** 20

/** The used fields of an NDJSON row. */
interface Row
  extends Omit<
    IpfixFacts,
    'startTimeUs' | 'endTimeUs' | 'sourceIp' | 'destIp' | 'sourcePort' | 'destPort'
  > {
  readonly startTime: string
  readonly endTime: string
  readonly sourceAddr: string
  readonly destAddr: string
}

/** Null: a session of an access log, which has no counts; 0 would be a lie. @throws AppError ANSWER_UNREADABLE */
function factsOf(line: string): IpfixFacts | null {
  const row = rowOf(line)
  const counts = row as unknown as Record<string, unknown>
  if (COUNTS.every((name) => counts[name] === null)) return null
  const source = parseEndpoint(row.sourceAddr)
  const dest = parseEndpoint(row.destAddr)
  const startTimeUs = isoTimeUs(row.startTime)
  const endTimeUs = isoTimeUs(row.endTime)
  if (!source || !dest || startTimeUs === undefined || endTimeUs === undefined || !isCounted(row))
    throw unreadable('a row without times, addresses or counts')
  return {
    ...row,
    ...{ startTimeUs, endTimeUs },
    ...{ sourceIp: source.ip, sourcePort: source.port, destIp: dest.ip, destPort: dest.port },
  }
}

const COUNTS = [
  ...['bytesTx', 'bytesRx', 'packetsTx', 'packetsRx', 'payloadTx', 'payloadRx'],
  ...['tcpFlagsTx', 'tcpFlagsRx'],
] as const

function isCounted(row: Row): boolean {
  const counts = row as unknown as Record<string, unknown>
  return (
    COUNTS.every((name) => Number.isSafeInteger(counts[name]) && Number(counts[name]) >= 0) &&
    ['tcp', 'udp'].includes(row.protocol) &&
    row.endReason in END_REASONS
  )
}

function rowOf(line: string): Row {
  let row: unknown = null
  try {
    row = JSON.parse(line)
  } catch {}
  if (typeof row !== 'object' || row === null) throw unreadable('a row that is not a JSON object')
  return row as Row
}

export interface SentIpfix {
  /** Without open sessions. */
  readonly sent: number
  /** Sessions of access logs, which are not sent. */
  readonly uncounted: number
}

/**
 * Sends every ended session of `body`, which is NDJSON. A file gets its name when it is complete.
 *
 * @param say gets a line for the user while a FIFO has no reader
 * @throws AppError ANSWER_UNREADABLE, EXPORT_BROKEN_OFF, OUTPUT_FAILED
 */
export async function sendIpfix(
  body: Readable,
  flags: IpfixFlags & { readonly ipfix: string },
  progress: Progress,
  total: number,
  say: (line: string) => void,
): Promise<SentIpfix> {
  const place = ipfixPlace(flags.ipfix)
  const whole = place.kind === 'file' ? wholePlace(place.path) : null
  const exporter = (await openExporter({ ...flags, ipfix: whole?.written ?? flags.ipfix }, say))!
  try {
    const uncounted = await sendRows(body, exporter, (rows) =>
      progress.update(rows, total, `${rows} of ${total} ${total === 1 ? 'session' : 'sessions'}`),
    )
    await exporter.close()
    whole?.complete()
    return { sent: exporter.written, uncounted }
  } catch (error) {
    await exporter.close().catch(() => undefined)
    whole?.undo()
    throw error
  }
}

/** @returns the number of sessions that are not sent, because they have no counts */
async function sendRows(
  body: Readable,
  exporter: IpfixExporter,
  seen: (rows: number) => void,
): Promise<number> {
  let rows = 0
  let uncounted = 0
  await takeWhole(
    body,
    pipeline(body.setEncoding('utf8'), async (texts: AsyncIterable<string>) => {
      for await (const line of linesOf(texts)) {
        const facts = factsOf(line)
        if (facts === null) uncounted++
        else exporter.add(facts)
        seen(++rows)
        await exporter.ready()
      }
      await exporter.flush()
    }),
  )
  return uncounted
}

async function* linesOf(texts: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ''
  for await (const text of texts) {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    if (rest.length > ROW_LENGTH_MAX)
      throw unreadable(`a row of more than ${formatCount(ROW_LENGTH_MAX)} characters`)
    yield* lines
  }
  if (rest !== '') throw unreadable('half a row')
}

function unreadable(what: string): AppError {
  return new AppError('ANSWER_UNREADABLE', `the server sent ${what}`, {
    hint: 'Is it a tunmeter server, of this version or a newer one?',
  })
}
