/**
 * Newt's access log: `{ "compressed": base64(zlib(JSON array)) }`, as its connection logger sends it every minute.
 *
 * Newt's ids are 8 random bytes in hex. Session ids are made from them and the site by SHA-256, so a repeated log
 * changes nothing. A session belongs to the client that has its source address in the catalog at the time of the
 * request. Newt counts no packets and leaves both byte counts 0, which are stored as null (unknown).
 */
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { inflate } from 'node:zlib'
import { z } from 'zod'
import { AppError } from '../../base/errors.js'
import { parseWith } from '../../base/faults.js'
import { inTurns } from '../../base/in-turns.js'
import { FUTURE_US, isoTimeUs, TIME_US_MAX, TIME_US_MIN } from '../../session/bounds.js'
import { parseEndpoint } from '../../session/endpoint.js'
import { UNATTRIBUTED } from '../../session/make-session.js'
import { UNKNOWN_TO_ACCESS_LOGS } from '../../session/session-table.js'
import { ACCESS_LOG, type LooseLoss, type StoredSession } from '../store/store.js'
import type { CatalogClients } from './catalog-clients.js'
import { TOO_OLD } from './check.js'
import { spanOf } from './refused.js'

export const NEWT_BYTES_MAX = 16 * 2 ** 20
export const NEWT_SESSIONS_MAX = 20_000
const AT_ONCE = 500
export const NEWT_METER = 'newt'
const unzip = promisify(inflate)

export const newtBodySchema = z.object({ compressed: z.string().min(1) })

const count = z.int().min(0)
const newtSessionSchema = z.object({
  sessionId: z.string().min(1).max(128),
  resourceId: count,
  sourceAddr: z.string().max(64),
  destAddr: z.string().max(64),
  protocol: z.enum(['tcp', 'udp']),
  startedAt: z.iso.datetime({ offset: true }),
  endedAt: z.iso.datetime({ offset: true }).nullish(),
  bytesTx: count.nullish(),
  bytesRx: count.nullish(),
  connectionCount: count.nullish(),
  /** Newt does not send it; `tunmeter newt-log` finds it in Newt's log. */
  endReason: z.enum(['endOfFlowDetected', 'idleTimeout', 'forcedEnd']).nullish(),
})
type NewtSession = z.infer<typeof newtSessionSchema>

export const newtReceiptSchema = z.object({
  stored: z.int(),
  refused: z.array(
    z.object({ index: z.int(), sessionId: z.string().nullable(), reason: z.string() }),
  ),
  notice: z.string().optional(),
})
export type NewtReceipt = z.infer<typeof newtReceiptSchema>

interface Site {
  readonly orgId: string
  readonly siteId: number
}

interface Bounds {
  readonly nowUs: number
  /** Sessions that ended earlier are refused. */
  readonly oldestUs: number
}

/**
 * @param clients the client with the session's source address gets the session
 * @throws AppError TOO_LARGE, BAD_COMPRESSED
 */
export async function readNewt(
  compressed: string,
  site: Site,
  clients: Pick<CatalogClients, 'at'>,
  { nowUs, oldestUs }: Bounds,
): Promise<{
  sessions: StoredSession[]
  refused: NewtReceipt['refused']
  losses: LooseLoss[]
}> {
  const sessions: StoredSession[] = []
  const refused: NewtReceipt['refused'] = []
  const tooOld: StoredSession[] = []
  for await (const [index, input] of inTurns(await decode(compressed), AT_ONCE)) {
    const { data, faults } = parseWith(newtSessionSchema, input, 'session')
    const session = data === undefined ? faults[0] : convert(data, site, clients)
    const fault = typeof session === 'string' ? session : timeFault(session, nowUs, oldestUs)
    if (fault === undefined) sessions.push(session as StoredSession)
    else {
      if (fault === TOO_OLD) tooOld.push(session as StoredSession)
      refused.push({
        index,
        sessionId: (input as { sessionId?: string } | null)?.sessionId ?? null,
        reason: fault,
      })
    }
  }
  return { sessions, refused, losses: lossesOf(sessions, refused.length, tooOld, nowUs) }
}

/** What is refused for a wrong value may have no time of its own: it counts as of the time from the others until now. */
function lossesOf(
  sessions: readonly StoredSession[],
  refused: number,
  tooOld: readonly StoredSession[],
  nowUs: number,
): LooseLoss[] {
  const its = { meterId: NEWT_METER }
  const now = { startTimeUs: nowUs, endTimeUs: nowUs }
  const lost = refused - tooOld.length
  const old = { ...its, reason: 'olderThanRetention', sessions: tooOld.length }
  const other = { ...its, reason: 'sessionsRefused', sessions: lost }
  return [
    // Nobody knows whether an access log is whole.
    ...(sessions.length > 0
      ? [{ ...its, reason: ACCESS_LOG, sessions: 0, ...spanOf(sessions) }]
      : []),
    ...(tooOld.length > 0 ? [{ ...old, ...spanOf(tooOld) }] : []),
    ...(lost > 0 ? [{ ...other, ...spanOf([...sessions, now]) }] : []),
  ]
}

function timeFault(session: StoredSession, nowUs: number, oldestUs: number): string | undefined {
  if (session.startTimeUs > nowUs + FUTURE_US)
    return 'startedAt is more than a day ahead of the server'
  if (session.endTimeUs > nowUs + FUTURE_US) return 'endedAt is more than a day ahead of the server'
  return session.endTimeUs < oldestUs ? TOO_OLD : undefined
}

async function decode(compressed: string): Promise<unknown[]> {
  let json: Buffer
  try {
    json = await unzip(Buffer.from(compressed, 'base64'), { maxOutputLength: NEWT_BYTES_MAX })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new AppError(
        'TOO_LARGE',
        `the access log is larger than ${NEWT_BYTES_MAX} bytes when decompressed`,
      )
    }
    throw new AppError(
      'BAD_COMPRESSED',
      `compressed: expected base64 of zlib data, got ${JSON.stringify(compressed.slice(0, 40))}`,
    )
  }
  let list: unknown
  try {
    list = JSON.parse(json.toString('utf8'))
  } catch {
    throw new AppError('BAD_COMPRESSED', 'compressed: expected a JSON array, got no JSON')
  }
  if (!Array.isArray(list))
    throw new AppError('BAD_COMPRESSED', 'compressed: expected a JSON array, got other JSON')
  if (list.length > NEWT_SESSIONS_MAX) {
    throw new AppError(
      'TOO_LARGE',
      `compressed: expected at most ${NEWT_SESSIONS_MAX} sessions, got ${list.length}`,
    )
  }
  return list
}

function convert(
  input: NewtSession,
  site: Site,
  clients: Pick<CatalogClients, 'at'>,
): StoredSession | string {
  // A consolidated session may have several source ports, and names none.
  const source = parseEndpoint(input.sourceAddr)
  const dest = parseEndpoint(input.destAddr)
  if (source === undefined) return noEndpoint('sourceAddr', input.sourceAddr)
  if (dest === undefined) return noEndpoint('destAddr', input.destAddr)
  const startTimeUs = isoTimeUs(input.startedAt)
  if (!isStorable(startTimeUs)) return noTime('startedAt', input.startedAt)
  // Go writes its zero time, in the year 1, for a session without an end.
  const endedUs = input.endedAt == null ? startTimeUs : isoTimeUs(input.endedAt)
  if (endedUs === undefined || endedUs > TIME_US_MAX) return noTime('endedAt', input.endedAt)
  const client = clients.at(source.ip)
  const counted = (input.bytesTx ?? 0) + (input.bytesRx ?? 0) > 0
  return {
    ...site,
    ...UNKNOWN_TO_ACCESS_LOGS,
    ...UNATTRIBUTED,
    ...(client !== null && { ...client, unattributed: null }),
    meterId: NEWT_METER,
    sessionId: sessionIdFor(input, site),
    startTimeUs,
    endTimeUs: Math.max(startTimeUs, endedUs),
    protocol: input.protocol,
    sourceIp: source.ip,
    sourcePort: source.port,
    destIp: dest.ip,
    destPort: dest.port,
    bytesTx: counted ? (input.bytesTx ?? 0) : null,
    bytesRx: counted ? (input.bytesRx ?? 0) : null,
    endReason: input.endReason ?? 'endOfFlowDetected',
    midstream: false,
    connectionCount: Math.max(1, input.connectionCount ?? 1),
    siteResourceId: input.resourceId === 0 ? null : input.resourceId,
  }
}

function isStorable(us: number | undefined): us is number {
  return us !== undefined && us >= TIME_US_MIN && us <= TIME_US_MAX
}

function noTime(name: string, input: unknown): string {
  return `${name}: expected a real date and time from 1970 to 2200, got ${JSON.stringify(input)}`
}

function noEndpoint(name: string, text: string): string {
  return `${name}: expected ip:port or ip, got ${JSON.stringify(text)}`
}

const BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** The start in milliseconds, as in every session id, then 80 bits of the hash. */
function sessionIdFor(input: NewtSession, site: Site): string {
  let head = ''
  for (let rest = Date.parse(input.startedAt), i = 0; i < 10; i++, rest = Math.floor(rest / 32))
    head = BASE32[rest % 32] + head
  const hash = createHash('sha256')
    .update(`${site.orgId}/${site.siteId}/${input.sessionId}`)
    .digest()
  let bits = BigInt(`0x${hash.subarray(0, 10).toString('hex')}`)
  let tail = ''
  for (let i = 0; i < 16; i++, bits >>= 5n) tail = BASE32[Number(bits & 31n)] + tail
  return head + tail
}
