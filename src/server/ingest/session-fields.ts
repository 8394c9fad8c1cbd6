/** What each field of a session takes, one by one; check.ts and read-batch.ts go through the same list. */
import { isIP } from 'node:net'
import { TIME_US_MAX } from '../../session/bounds.js'
import { canonicalIp } from '../../session/canonical-ip.js'
import { isPlainText } from '../../session/plain-text.js'
import {
  CONN_STATES,
  DIRECTION_BASES,
  END_REASON_NAMES,
  PROTOCOLS,
  UNATTRIBUTED_REASONS,
} from '../../session/session.js'
import { SESSION_ID } from '../../session/session-id.js'
import type { StoredSession } from '../store/store.js'

export type Check = (value: unknown) => boolean

function wholeUpTo(max: number): Check {
  return (v) => typeof v === 'number' && v >= 0 && v <= max && Number.isInteger(v)
}
function oneOf(words: readonly string[]): Check {
  const known = new Set<unknown>(words)
  return (v) => known.has(v)
}
function textUpTo(length: number): Check {
  return (v) => typeof v === 'string' && v.length > 0 && v.length <= length && isPlainText(v)
}
function orNull(check: Check): Check {
  return (v) => v === null || check(v)
}

const TEXT_OR_NULL = 'a text (of whole characters, without NUL) or null'
const counter = wholeUpTo(Number.MAX_SAFE_INTEGER)
const id: Check = (v) => counter(v) && v !== 0
const port = wholeUpTo(65_535)
const flags = wholeUpTo(255)

/** Every field of a Session, and what it takes. */
export const FIELD_CHECKS: readonly (readonly [keyof StoredSession | 'sequence', Check, string])[] =
  [
    [
      'sessionId',
      (v) => typeof v === 'string' && SESSION_ID.test(v),
      '26 characters of Crockford base32',
    ],
    ['startTimeUs', wholeUpTo(TIME_US_MAX), 'microseconds since 1970'],
    ['endTimeUs', wholeUpTo(TIME_US_MAX), 'microseconds since 1970'],
    ['protocol', oneOf(PROTOCOLS), PROTOCOLS.join(' or ')],
    ['sourceIp', (v) => knownIp(v) !== undefined, 'an IP address'],
    ['sourcePort', port, 'a port'],
    ['destIp', (v) => knownIp(v) !== undefined, 'an IP address'],
    ['destPort', port, 'a port'],
    ['bytesTx', counter, 'a count'],
    ['bytesRx', counter, 'a count'],
    ['packetsTx', counter, 'a count'],
    ['packetsRx', counter, 'a count'],
    ['payloadTx', counter, 'a count'],
    ['payloadRx', counter, 'a count'],
    ['endReason', oneOf(END_REASON_NAMES), END_REASON_NAMES.join(', ')],
    ['connState', oneOf(CONN_STATES), CONN_STATES.join(', ')],
    ['tcpFlagsTx', flags, 'a number up to 255'],
    ['tcpFlagsRx', flags, 'a number up to 255'],
    ['handshakeRttUs', orNull(counter), 'a count or null'],
    ['directionBasis', oneOf(DIRECTION_BASES), DIRECTION_BASES.join(', ')],
    ['midstream', (v) => typeof v === 'boolean', 'true or false'],
    ['connectionCount', id, 'a count from 1'],
    ['peerPublicKey', orNull(textUpTo(64)), TEXT_OR_NULL],
    ['clientEndpoint', orNull(textUpTo(64)), TEXT_OR_NULL],
    ['clientId', orNull(id), 'an id or null'],
    ['userId', orNull(textUpTo(255)), TEXT_OR_NULL],
    ['siteResourceId', orNull(id), 'an id or null'],
    ['unattributed', orNull(oneOf(UNATTRIBUTED_REASONS)), 'a reason or null'],
  ]

/** IPv4 as isIP() takes it, which is its canonical text too: four numbers up to 255 without leading zeros. */
function isDottedQuad(text: string): boolean {
  let numbers = 0
  let value = -1
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - ZERO
    if (digit >= 0 && digit <= 9) {
      if (value === 0) return false
      value = value < 0 ? digit : value * 10 + digit
      if (value > 255) return false
    } else {
      if (digit !== DOT - ZERO || value < 0) return false
      numbers++
      value = -1
    }
  }
  return numbers === 3 && value >= 0
}
const ZERO = 0x30
const DOT = 0x2e

/** Addresses repeat, and looking at one (of IPv6) costs a microsecond. */
const CANONICAL_MAX = 10_000
const canonical = new Map<string, string>()

/** The canonical text of an address, or undefined when it is none. */
export function knownIp(text: unknown): string | undefined {
  if (typeof text !== 'string') return undefined
  if (isDottedQuad(text)) return text
  const known = canonical.get(text)
  if (known !== undefined) return known
  if (isIP(text) === 0) return undefined
  const value = canonicalIp(text)
  if (canonical.size >= CANONICAL_MAX) canonical.clear()
  canonical.set(text, value)
  return value
}
