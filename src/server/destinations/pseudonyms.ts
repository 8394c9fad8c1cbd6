/**
 * Pseudonyms of persons for one destination, made with its own secret key. Within a period a person keeps one
 * pseudonym. It changes with the next period, and it differs at a destination with another key.
 *
 *   HMAC-SHA256(key, `PERIOD DOMAIN VALUE`) as hex digits, where
 *   PERIOD   the session's start in UTC: 2026-11-29, 2026-W48 (ISO 8601) or 2026-11; the same for corrections
 *   DOMAIN   the name of the field, or `address`; the other client's fields share the domain of the client's
 *
 *   texts      p- and the first 32 digits
 *   client id  2^52 + the first 13 digits, which is above real client ids
 *   addresses  in unused ranges of the same family: 240.0.0.0/4 + the first 7 digits, 100::/64 + the first 16 digits
 *
 * Derived fields, such as communityId, are made of the pseudonyms. Null stays null.
 */
import { createHmac } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { z } from 'zod'
import type { LogRow, PeerEventRow } from '../store/store.js'

export const PERIODS = ['day', 'week', 'month'] as const
export type Period = (typeof PERIODS)[number]

export const pseudonymsSchema = z.strictObject({
  period: z.enum(PERIODS).meta({
    description: 'So long a person keeps a pseudonym: UTC, by the start of the session.',
  }),
  addresses: z.boolean().default(true).meta({
    description:
      'Of the addresses at both ends, too. Without it an address still tells the person.',
  }),
})
export type PseudonymSettings = z.output<typeof pseudonymsSchema>

/** Each kind has this secret. */
export const PSEUDONYM_KEY = 'pseudonymKey'
export const pseudonymKeySecret = {
  schema: z
    .string()
    .regex(/^[\x21-\x7e]{32,200}$/, 'expected 32 to 200 characters: openssl rand -hex 32'),
  required: false,
} as const

export type Disguise = (row: LogRow) => LogRow

const DAY_MS = 86_400e3
const TEXT_DIGITS = 32
const ID_DIGITS = 13
const V4_DIGITS = 7
const V6_DIGITS = 16
/** Cached pseudonyms: enough for the fields of a few thousand people. */
const KEPT_MAX = 20_000

export function periodOf(us: number, period: Period): string {
  const date = new Date(Math.floor(us / 1e3))
  if (period === 'month') return date.toISOString().slice(0, 7)
  if (period === 'day') return date.toISOString().slice(0, 10)
  // A week belongs to the year of its Thursday.
  const weekday = (date.getUTCDay() + 6) % 7
  const thursday = new Date(date.getTime() + (3 - weekday) * DAY_MS)
  const year = thursday.getUTCFullYear()
  const week = 1 + Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY_MS))
  return `${year}-W${String(week).padStart(2, '0')}`
}

export function disguiseBy(key: string, settings: PseudonymSettings): Disguise {
  const { sessions } = disguisesBy(key, settings)
  return sessions
}

/** For both kinds of rows, with the same pseudonyms. Allowed IPs are addresses. */
export function disguisesBy(key: string, { period, addresses }: PseudonymSettings) {
  const kept = new Map<string, string>()
  const digits = (message: string): string => {
    const known = kept.get(message)
    if (known !== undefined) return known
    if (kept.size === KEPT_MAX) kept.clear()
    const made = createHmac('sha256', key).update(message).digest('hex')
    kept.set(message, made)
    return made
  }
  const at = (us: number) => {
    const name = periodOf(us, period)
    const of = (domain: string, value: string | number) => digits(`${name} ${domain} ${value}`)
    const text = (domain: string, value: string | null) =>
      value === null ? null : `p-${of(domain, value).slice(0, TEXT_DIGITS)}`
    const id = (value: number | null) =>
      value === null ? null : 2 ** 52 + Number(`0x${of('clientId', value).slice(0, ID_DIGITS)}`)
    const address = (value: string) => addressOf(of('address', value), isIPv6(value))
    return { text, id, address }
  }
  const sessions: Disguise = (row) => {
    const { text, id, address } = at(row.startTimeUs)
    return {
      ...row,
      clientId: id(row.clientId),
      otherClientId: id(row.otherClientId),
      clientName: text('clientName', row.clientName),
      otherClientName: text('clientName', row.otherClientName),
      userId: text('userId', row.userId),
      otherUserId: text('userId', row.otherUserId),
      userName: text('userName', row.userName),
      userEmail: text('userEmail', row.userEmail),
      clientEndpoint: text('clientEndpoint', row.clientEndpoint),
      peerPublicKey: text('peerPublicKey', row.peerPublicKey),
      ...(addresses && { sourceIp: address(row.sourceIp), destIp: address(row.destIp) }),
    }
  }
  const peers = <Row extends PeerEventRow>(row: Row): Row => {
    const { text, id } = at(row.timeUs)
    return {
      ...row,
      clientId: id(row.clientId),
      clientName: text('clientName', row.clientName),
      userId: text('userId', row.userId),
      userName: text('userName', row.userName),
      userEmail: text('userEmail', row.userEmail),
      publicKey: text('peerPublicKey', row.publicKey),
      endpoint: text('clientEndpoint', row.endpoint),
      endpointBefore: text('clientEndpoint', row.endpointBefore),
      ...(addresses && {
        allowedIps: text('allowedIps', row.allowedIps),
        allowedIpsBefore: text('allowedIps', row.allowedIpsBefore),
      }),
    }
  }
  return { sessions, peers }
}

function addressOf(digits: string, isV6: boolean): string {
  if (!isV6) {
    const bytes = Buffer.from(`f${digits.slice(0, V4_DIGITS)}`, 'hex')
    return bytes.join('.')
  }
  const groups = digits.slice(0, V6_DIGITS).match(/.{4}/g)!
  // URL writes the address in the canonical form of RFC 5952.
  return new URL(`http://[100:0:0:0:${groups.join(':')}]`).hostname.slice(1, -1)
}
