/**
 * Query parameters of the routes under `/api/v1`. One zod schema each checks them, types them and describes them in
 * /openapi.json.
 *
 * A list is written `a,b`, or by repeating the parameter. A bad value gets a 400 that names the parameter.
 */
import { isIP } from 'node:net'
import { z } from 'zod'
import {
  ISO_TIME_EXPECTED,
  isoTimeUs,
  OFFSET_MAX,
  TIME_US_MAX,
  TIME_US_MIN,
} from '../../session/bounds.js'
import { canonicalIp } from '../../session/canonical-ip.js'
import { isPlainText, PLAIN_TEXT } from '../../session/plain-text.js'
import { QUERY_CHARACTERS_MAX, QueryFault } from '../../session/query.js'
import { CONN_STATES, END_REASON_NAMES, PROTOCOLS } from '../../session/session.js'
import { SESSION_ID } from '../../session/session-id.js'
import { AUDIT_EVENT_NAMES } from '../control/audit-event.js'
import {
  type AddressFilter,
  type LogFilter,
  type Position,
  SORT_KEYS,
  type Sort,
  type SortKey,
} from '../store/store.js'
import { LOG_FIELDS } from './api-row.js'
import { TAG_CHARACTERS, tagsOf } from './known-rows.js'
import { termsOf } from './terms.js'

export const LIMIT_DEFAULT = 1000
export const LIMIT_MAX = 1000
const LIST_MAX = 100
const DEFAULT_RANGE_MS = 7 * 86400e3
/** Without timeEnd, the range extends this far into the future, because a meter's clock may be a little ahead. */
const FUTURE_MS = 60_000
const NONE = 'none'

/** The query string parser gives one text, or several for a repeated parameter. */
const texts = z
  .union([z.string(), z.array(z.string())])
  .transform((v) => (Array.isArray(v) ? v : [v]))

export function list<T>(each: (text: string) => T | undefined, expected: string, split = true) {
  return texts
    .transform((input, context) => {
      const parts = split ? input.flatMap((t) => t.split(',')) : input
      if (parts.length > LIST_MAX)
        context.addIssue({
          code: 'custom',
          message: `expected at most ${LIST_MAX} values, got ${parts.length}`,
        })
      return parts.map((part) => {
        const value = each(part.trim())
        if (value === undefined) {
          context.addIssue({
            code: 'custom',
            message: `expected ${expected}, got ${JSON.stringify(part.slice(0, 60))}`,
          })
        }
        return value as T
      })
    })
    .optional()
}

function whole(text: string, max = Number.MAX_SAFE_INTEGER): number | undefined {
  return /^\d{1,16}$/.test(text) && Number(text) <= max ? Number(text) : undefined
}
function idOrNone(text: string): number | null | undefined {
  if (text === NONE) return null
  const id = whole(text)
  return id === 0 ? undefined : id
}
export function wordOf<T extends string>(words: readonly T[]) {
  return (text: string) => words.find((w) => w === text)
}

/** Reads `ip`, `ip:port`, `[ip6]:port`, `ip/length` and `:port`. */
export function parseAddress(text: string): AddressFilter | undefined {
  if (isIP(text) !== 0) return { ip: canonicalIp(text), length: null, port: null }
  const cidr = /^([^/]+)\/(\d{1,3})$/.exec(text)
  if (cidr !== null) {
    const family = isIP(cidr[1]!)
    const length = Number(cidr[2])
    if (family === 0 || length > (family === 4 ? 32 : 128)) return undefined
    return { ip: canonicalIp(cidr[1]!), length, port: null }
  }
  const endpoint = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text)
  if (endpoint === null || Number(endpoint[3]) > 65_535) return undefined
  const ip = endpoint[1] ?? endpoint[2]!
  const port = Number(endpoint[3])
  if (ip === '') return { ip: null, length: null, port }
  return isIP(ip) === 0 ? undefined : { ip: canonicalIp(ip), length: null, port }
}

/** Microseconds since 1970. */
export const timeUs = z.string().transform((text, context) => {
  const us = isoTimeUs(text)
  if (us === undefined) {
    context.addIssue({
      code: 'custom',
      message: `${ISO_TIME_EXPECTED}, got ${JSON.stringify(text.slice(0, 60))}`,
    })
    return z.NEVER
  }
  // Times beyond the bounds are cut, because clients use them for "from the beginning" and "for ever".
  return Math.min(TIME_US_MAX, Math.max(TIME_US_MIN, us))
})

const time = timeUs.transform((us) => us / 1e3).optional()

export function wholeNumber(fallback: number, min: number, max: number) {
  return z
    .string()
    .transform((text, context) => {
      const value = whole(text)
      if (value === undefined || value < min || value > max) {
        context.addIssue({
          code: 'custom',
          message: `expected a whole number from ${min} to ${max}, got ${JSON.stringify(text.slice(0, 60))}`,
        })
        return z.NEVER
      }
      return value
    })
    .default(fallback)
}

export const boolean = z
  .enum(['true', 'false', '1', '0'], { error: 'expected true or false' })
  .transform((v) => v === 'true' || v === '1')

const ADDRESS = 'an address as in 10.8.0.2, 10.8.0.0/24, 10.8.0.2:443, [fd00::1]:443 or :443'
export const d = <T extends z.ZodType>(schema: T, description: string): T =>
  schema.meta({ description }) as T

export const filterParameters = {
  timeStart: d(
    time,
    'Sessions that started at or after this. Default: 7 days before timeEnd; none with sessionId or state=open.',
  ),
  timeEnd: d(time, 'Sessions that started before this. Default: now.'),
  protocol: d(list(wordOf(PROTOCOLS), PROTOCOLS.join(' or ')), 'tcp, udp.'),
  sourceAddr: d(list(parseAddress, ADDRESS), 'Initiator: address, address:port, CIDR or :port.'),
  destAddr: d(list(parseAddress, ADDRESS), 'Responder: address, address:port, CIDR or :port.'),
  port: d(
    list((t) => whole(t, 65_535), 'a port'),
    "Responder's port.",
  ),
  clientId: d(list(idOrNone, 'a client id or none'), 'Client; `none`: sessions without one.'),
  siteId: d(
    list((t) => whole(t) || undefined, 'a site id'),
    'Site.',
  ),
  siteResourceId: d(
    list(idOrNone, 'a resource id or none'),
    'Private resource; `none`: sessions without one.',
  ),
  userId: d(
    list(
      (t) => (t === NONE ? null : t === '' || t.length > 255 || !isPlainText(t) ? undefined : t),
      'a user id',
      false,
    ),
    'User; repeat for several; `none`: sessions without one.',
  ),
  state: d(
    z
      .enum(['open', 'ended', 'interrupted'], { error: 'expected open, ended or interrupted' })
      .optional(),
    'ended includes interrupted.',
  ),
  connState: d(list(wordOf(CONN_STATES), CONN_STATES.join(', ')), "Zeek's word for how it went."),
  endReason: d(list(wordOf(END_REASON_NAMES), END_REASON_NAMES.join(', ')), 'IPFIX flowEndReason.'),
  minBytes: d(
    wholeNumber(0, 0, Number.MAX_SAFE_INTEGER),
    'At least this many bytes, both directions together.',
  ),
  q: d(
    z
      .string()
      .trim()
      .max(QUERY_CHARACTERS_MAX, `expected at most ${QUERY_CHARACTERS_MAX} characters`)
      .refine(isPlainText, PLAIN_TEXT)
      .transform((text, context) => {
        try {
          return termsOf(text, parseAddress)
        } catch (error) {
          if (!(error instanceof QueryFault)) throw error
          context.addIssue({ code: 'custom', message: error.message })
          return z.NEVER
        }
      })
      .optional(),
    'Words and terms; all must match: client:ada-* outcome:failed port:ssh -resource:"Name server" bytes>10MB (docs/query.md). A word is found anywhere in names and addresses; a number also finds ports.',
  ),
  sessionId: d(
    list((t) => (SESSION_ID.test(t) ? t : undefined), 'a session id'),
    'One session, or several.',
  ),
}

const SORTS = SORT_KEYS.flatMap((k) => [`-${k}`, k]) as [string, ...string[]]
const sort = d(
  z.enum(SORTS, { error: `expected one of ${SORTS.join(', ')}` }).default('-startTime'),
  '- before the field: descending. An open session counts with its duration so far.',
)

export const logQuerySchema = z.strictObject({
  ...filterParameters,
  limit: d(wholeNumber(LIMIT_DEFAULT, 1, LIMIT_MAX), 'Rows of a page.'),
  offset: d(wholeNumber(0, 0, OFFSET_MAX), 'Rows to skip; prefer cursor.'),
  cursor: d(
    z.string().max(200).optional(),
    'nextCursor of the page before; keep its filters and sort. Rows that arrive meanwhile move nothing.',
  ),
  sort,
  count: d(boolean.default(true), 'false: no total (it is then null).'),
  attributes: d(boolean.default(true), 'false: no filterAttributes (it is then null).'),
  completeness: d(
    boolean.default(true),
    'false: completeness is null, gaps is empty, and notice says nothing of them.',
  ),
  known: d(
    z
      .string()
      .max(TAG_CHARACTERS * LIMIT_MAX)
      .transform((text, context) => {
        const tags = text === NONE ? [] : tagsOf(text)
        if (tags !== undefined) return tags
        context.addIssue({ code: 'custom', message: 'expected tags of earlier answers, or none' })
        return z.NEVER
      })
      .optional(),
    'For polling: the tags of the rows that the client has, one after another; `none` at first. Those rows are left out of log, and delta says how the page consists of them and of log.',
  ),
})

export const EXPORT_FORMATS = ['csv', 'ndjson', 'parquet'] as const
export const exportQuerySchema = z.strictObject({
  ...filterParameters,
  format: z.enum(EXPORT_FORMATS, { error: `expected ${EXPORT_FORMATS.join(', ')}` }).default('csv'),
  columns: d(
    list(wordOf(LOG_FIELDS.map((field) => field.name)), 'a field of the rows').refine(
      (names) => names === undefined || new Set(names).size === names.length,
      'expected each field once, got one twice',
    ),
    'Fields, in this order; default all of them.',
  ),
  manifest: d(
    z.enum(['line', 'header'], { error: 'expected line or header' }).optional(),
    'line: NDJSON ends with its manifest (range, filters, rows, SHA-256, completeness) as one more line. header: the header Tunmeter-Manifest has what is known before the first byte, completeness in short.',
  ),
  sort,
})

export const completenessQuerySchema = z.strictObject({
  timeStart: d(time, 'Start of the time range. Default: 7 days before timeEnd.'),
  timeEnd: d(time, 'End of the time range. Default: now.'),
  siteId: filterParameters.siteId,
})

export const auditQuerySchema = z.strictObject({
  timeStart: d(time, 'Entries at or after this. Default: all there are.'),
  timeEnd: d(time, 'Entries before this. Default: now.'),
  event: d(
    list(wordOf(AUDIT_EVENT_NAMES), AUDIT_EVENT_NAMES.join(', ')),
    'Events of these names only.',
  ),
  keyId: d(z.string().max(32).optional(), 'Entries by or about this key.'),
  address: d(
    z.string().max(64).optional(),
    'An address as entries show it: for refusals, a network.',
  ),
  limit: d(wholeNumber(100, 1, 1000), 'Entries of a page.'),
  cursor: d(
    z
      .string()
      .transform((text, context) => {
        const id = whole(text)
        if (id !== undefined && id > 0) return id
        context.addIssue({ code: 'custom', message: 'expected nextCursor of the page before' })
        return z.NEVER
      })
      .optional(),
    'nextCursor of the page before; keep its filters.',
  ),
})

type Filters = { [K in keyof typeof filterParameters]?: z.output<(typeof filterParameters)[K]> }

/** No default range for a link to a session, which may be old, or for open sessions, which may have begun long ago. */
export function isOfAnyTime(q: Filters): boolean {
  return q.timeStart === undefined && (q.sessionId !== undefined || q.state === 'open')
}

/** @throws RangeError when the range is empty */
export function filterOf(q: Filters, nowMs: number): LogFilter {
  const toMs = q.timeEnd ?? nowMs + FUTURE_MS
  const fromMs =
    q.timeStart ?? (isOfAnyTime(q) ? 0 : Math.max(0, Math.min(toMs, nowMs) - DEFAULT_RANGE_MS))
  const input = {
    protocols: q.protocol,
    sources: q.sourceAddr,
    dests: q.destAddr,
    ports: q.port,
    clientIds: q.clientId,
    siteIds: q.siteId,
    siteResourceIds: q.siteResourceId,
    userIds: q.userId,
    state: q.state,
    connStates: q.connState,
    endReasons: q.endReason,
    minBytes: q.minBytes === 0 ? undefined : q.minBytes,
    text: q.q?.text,
    terms: q.q?.terms,
    sessionIds: q.sessionId,
  }
  const set = Object.fromEntries(Object.entries(input).filter(([, v]) => v !== undefined))
  return { fromUs: fromMs * 1e3, toUs: toMs * 1e3, ...set }
}

/** True if the filter restricts more than the time range. */
export function hasFilters(filter: LogFilter): boolean {
  return Object.keys(filter).length > 2
}

export function sortOf(text: string): Sort {
  return { key: text.replace(/^-/, '') as SortKey, descending: text.startsWith('-') }
}

export function encodeCursor(sort: Sort, position: Position): string {
  const words = [sort.descending ? `-${sort.key}` : sort.key, position.value, position.sessionId]
  return Buffer.from(words.join(' ')).toString('base64url')
}

/** @returns undefined when it is not a cursor of this sort */
export function decodeCursor(cursor: string, sort: Sort): Position | undefined {
  const [key, value, sessionId] = Buffer.from(cursor, 'base64url').toString().split(' ')
  const expected = sort.descending ? `-${sort.key}` : sort.key
  if (key !== expected || sessionId === undefined || !SESSION_ID.test(sessionId)) return undefined
  const number = Number(value)
  return Number.isSafeInteger(number) ? { value: number, sessionId } : undefined
}
