/** The check of each field of a session, used by check.ts and read-batch.ts. */
import { isIP } from 'node:net'
import { isIpv4 } from '../../session/address.js'
import { canonicalIp } from '../../session/canonical-ip.js'
import { isPlainText } from '../../session/plain-text.js'
import { SESSION_ID } from '../../session/session-id.js'
import {
  SESSION_FIELD_NAMES,
  SESSION_FIELDS,
  type SessionField,
  type SessionFieldName,
} from '../../session/session-table.js'

export type Check = (value: unknown) => boolean

function wholeIn(min: number, max: number): Check {
  return (v) => typeof v === 'number' && v >= min && v <= max && Number.isInteger(v)
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

/** The check of a value that is not null, and its words for the error text. */
function checkOf(field: SessionField): readonly [Check, string] {
  switch (field.type) {
    case 'integer':
      return [wholeIn(field.min, field.max), field.means]
    case 'text':
      return [
        textUpTo(field.maxLength),
        `a text of 1 to ${field.maxLength} whole characters, without NUL`,
      ]
    case 'enum': {
      const list = field.words.join(field.words.length === 2 ? ' or ' : ', ')
      return [oneOf(field.words), field.means ?? list]
    }
    case 'ip':
      return [(v) => knownIp(v) !== undefined, 'an IP address']
    case 'sessionId':
      return [
        (v) => typeof v === 'string' && SESSION_ID.test(v),
        '26 characters of Crockford base32',
      ]
    case 'boolean':
      return [(v) => typeof v === 'boolean', 'true or false']
  }
}

/** Every field of a session with its check, and the words for an error text. */
export const FIELD_CHECKS: readonly (readonly [SessionFieldName, Check, string])[] =
  SESSION_FIELD_NAMES.map((name) => {
    const field: SessionField = SESSION_FIELDS[name]
    const [check, expected] = checkOf(field)
    const [takes, said] = field.nullable
      ? [orNull(check), `${expected} or null`]
      : [check, expected]
    return [name, field.later ? (v: unknown) => v === undefined || takes(v) : takes, said] as const
  })

/** Bounds the cache below: addresses repeat, and parsing an IPv6 address costs a microsecond. */
const CANONICAL_MAX = 10_000
const canonical = new Map<string, string>()

/** The canonical text of an address, or undefined if the text is no address. */
export function knownIp(text: unknown): string | undefined {
  if (typeof text !== 'string') return undefined
  if (isIpv4(text)) return text
  const known = canonical.get(text)
  if (known !== undefined) return known
  if (isIP(text) === 0) return undefined
  const value = canonicalIp(text)
  if (canonical.size >= CANONICAL_MAX) canonical.clear()
  canonical.set(text, value)
  return value
}
