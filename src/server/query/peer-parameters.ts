/** Query parameters of the log of peers, and its cursors. */
import { z } from 'zod'
import { PEER_EVENT_NAMES } from '../../session/peer-event.js'
import type { PeerFilter, PeerPosition } from '../store/store.js'
import {
  boolean,
  d,
  filterOf,
  filterParameters,
  LIMIT_DEFAULT,
  LIMIT_MAX,
  list,
  wholeNumber,
  wordOf,
} from './parameters.js'

const KEY = /^[A-Za-z0-9+/]{43}=$/
const KEY_LENGTH = 44
const EVENT_ID = /^[A-Za-z0-9_-]{22}$/

const { clientId, userId, siteId, timeStart, timeEnd } = filterParameters
const whose = {
  clientId,
  userId,
  siteId,
  publicKey: d(list(keyOf, 'a WireGuard public key'), 'Public key of the peer; write + as %2B.'),
}
const times = {
  timeStart: d(timeStart, 'At or after this. Default: 7 days before timeEnd.'),
  timeEnd: d(timeEnd, 'Before this. Default: now.'),
}
const event = d(
  list(wordOf(PEER_EVENT_NAMES), PEER_EVENT_NAMES.join(', ')),
  `${PEER_EVENT_NAMES.join(', ')}.`,
)

/** Restores + signs that were not escaped. The parser turned each into a space, and trimming removed a leading one. */
function keyOf(text: string): string | undefined {
  const key = text.replaceAll(' ', '+').padStart(KEY_LENGTH, '+')
  return KEY.test(key) ? key : undefined
}

export const peerQuerySchema = z.strictObject({
  ...times,
  ...whose,
  event,
  limit: d(wholeNumber(LIMIT_DEFAULT, 1, LIMIT_MAX), 'Events of a page.'),
  cursor: d(
    z
      .string()
      .max(200)
      .transform((text, context) => {
        const position = decodePosition(text)
        if (position !== undefined) return position
        context.addIssue({ code: 'custom', message: 'expected nextCursor of the page before' })
        return z.NEVER
      })
      .optional(),
    'nextCursor of the page before; keep its filters.',
  ),
})

export const PEER_FORMATS = ['csv', 'ndjson'] as const
export const peerExportQuerySchema = z.strictObject({
  ...times,
  ...whose,
  event,
  format: z.enum(PEER_FORMATS, { error: `expected ${PEER_FORMATS.join(' or ')}` }).default('csv'),
})

export const connectionsQuerySchema = z.strictObject({
  ...times,
  ...whose,
  open: d(boolean.default(false), 'true: only connections without a reported end.'),
  now: d(boolean.default(false), 'true: only connections that are `connected` now.'),
  limit: d(wholeNumber(LIMIT_DEFAULT, 1, LIMIT_MAX), 'The most connections: the latest ones.'),
})

type Asked = Pick<
  z.output<typeof peerQuerySchema>,
  'timeStart' | 'timeEnd' | 'clientId' | 'userId' | 'siteId' | 'publicKey'
> & { readonly event?: z.output<typeof peerQuerySchema>['event'] }

export function peerFilterOf(asked: Asked, nowMs: number): PeerFilter {
  const { timeStart: from, timeEnd: to } = asked
  const { fromUs, toUs } = filterOf({ timeStart: from, timeEnd: to }, nowMs)
  const input = {
    clientIds: asked.clientId,
    userIds: asked.userId,
    siteIds: asked.siteId,
    publicKeys: asked.publicKey,
    events: asked.event,
  }
  const set = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined))
  return { fromUs, toUs, ...set }
}

export function encodePosition({ timeUs, event: name, eventId }: PeerPosition): string {
  return Buffer.from(`${timeUs} ${name} ${eventId}`).toString('base64url')
}

function decodePosition(text: string): PeerPosition | undefined {
  const [time, word, eventId] = Buffer.from(text, 'base64url').toString().split(' ')
  const timeUs = Number(time)
  if (!Number.isSafeInteger(timeUs) || timeUs < 0) return undefined
  const name = PEER_EVENT_NAMES.find((one) => one === word)
  if (name === undefined || eventId === undefined || !EVENT_ID.test(eventId)) return undefined
  return { timeUs, event: name, eventId }
}
