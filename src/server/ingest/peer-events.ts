/**
 * Checks the peer events of a batch one by one. Only bad events are refused, and those of a kind unknown to this
 * version.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { parsePrefix } from '../../session/address.js'
import { BATCH_SESSIONS_MAX } from '../../session/batch.js'
import { FUTURE_US, TIME_US_MAX, TIME_US_MIN } from '../../session/bounds.js'
import { parseEndpoint } from '../../session/endpoint.js'
import { ALLOWED_IPS_TEXT_MAX, PEER_EVENT_NAMES } from '../../session/peer-event.js'
import { isPlainText, PLAIN_TEXT } from '../../session/plain-text.js'
import type { StoredPeerEvent } from '../store/store.js'

const KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/
const ENDPOINT_MAX = 100

const time = z.int().min(TIME_US_MIN).max(TIME_US_MAX)
const endpoint = z
  .string()
  .max(ENDPOINT_MAX)
  .refine((text) => parseEndpoint(text) !== undefined)
  .refine(isPlainText, PLAIN_TEXT)
  .nullable()
const allowedIps = z.string().max(ALLOWED_IPS_TEXT_MAX).refine(isPrefixList).nullable()

const peerEventSchema = z.object({
  event: z.enum(PEER_EVENT_NAMES),
  timeUs: time,
  interface: z.string().min(1).max(64).refine(isPlainText, PLAIN_TEXT),
  publicKey: z.string().regex(KEY).nullable(),
  clientId: z.int().min(1).max(Number.MAX_SAFE_INTEGER).nullable(),
  userId: z.string().min(1).max(255).refine(isPlainText, PLAIN_TEXT).nullable(),
  endpoint,
  endpointBefore: endpoint,
  allowedIps,
  allowedIpsBefore: allowedIps,
  handshakeUs: time.nullable(),
  already: z.boolean(),
})

/** For example `10.8.0.2/32 fd00::2/128 +3`; empty for no prefixes. `+3` means three more. */
function isPrefixList(text: string): boolean {
  if (text === '') return true
  const parts = text.split(' ')
  const more = /^\+\d{1,6}$/.test(parts.at(-1)!) ? -1 : undefined
  return parts.slice(0, more).every((part) => parsePrefix(part) !== null)
}

export interface CheckedEvents {
  readonly events: readonly StoredPeerEvent[]
  /** Positions in the input. */
  readonly refused: readonly number[]
}

/**
 * @param nowUs events more than FUTURE_US after it are refused
 * @param oldestUs events before it are refused, because retention would delete them at once
 */
export function checkPeerEvents(
  input: readonly unknown[],
  meterId: string,
  nowUs: number,
  oldestUs: number,
): CheckedEvents {
  const events = new Map<string, StoredPeerEvent>()
  const refused: number[] = []
  for (const [index, one] of input.entries()) {
    const parsed = peerEventSchema.safeParse(one)
    const timeUs = parsed.data?.timeUs ?? 0
    if (!parsed.success || timeUs > nowUs + FUTURE_US || timeUs < oldestUs) refused.push(index)
    else {
      const eventId = idOf(parsed.data, meterId)
      events.set(eventId, { ...parsed.data, meterId, eventId })
    }
  }
  return { events: [...events.values()], refused }
}

/**
 * The id leaves out `already` and the handshake, because they differ when a restarted meter reports the event again.
 */
function idOf(event: z.output<typeof peerEventSchema>, meterId: string): string {
  const { already: _, handshakeUs: __, ...content } = event
  const hash = createHash('sha256').update(JSON.stringify({ meterId, ...content }))
  return hash.digest('base64url').slice(0, 22)
}

/**
 * The log has one list of refused positions. Those of peer events start at BATCH_SESSIONS_MAX, after those of sessions.
 */
export function asLoggedPositions(refused: readonly number[]): number[] {
  return refused.map((index) => BATCH_SESSIONS_MAX + index)
}

/** Leaves out the peer events that were refused on arrival. */
export function notRefused(input: readonly unknown[], positions: ReadonlySet<number>): unknown[] {
  return input.filter((_, index) => !positions.has(BATCH_SESSIONS_MAX + index))
}
