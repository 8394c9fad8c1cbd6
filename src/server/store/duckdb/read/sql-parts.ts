/**
 * SQL conditions on rows `t` of either table. Numbers are literals, because bound ones would be DOUBLEs; texts are
 * bound.
 */
import { isIP } from 'node:net'
import type { AddressFilter, Subject, TextIds } from '../../store.js'
import { int, literal } from '../database.js'
import { endpointHolds, endpointHoldsAsWritten } from '../schema/columns.js'

export class Sql {
  readonly values: string[] = []

  bind(text: string): string {
    this.values.push(text)
    return `$${this.values.length}`
  }
}

export function or(parts: readonly string[]): string {
  return parts.length === 0 ? 'false' : `(${parts.join(' OR ')})`
}

export function inNumbers(column: string, list: readonly (number | null)[]): string {
  const numbers = list.filter((n) => n !== null)
  const parts = numbers.length === 0 ? [] : [`${column} IN (${numbers.map(int).join(', ')})`]
  if (numbers.length < list.length) parts.push(`${column} IS NULL`)
  return or(parts)
}

export function inTexts(sql: Sql, column: string, list: readonly (string | null)[]): string {
  const texts = list.filter((t) => t !== null)
  const parts =
    texts.length === 0 ? [] : [`${column} IN (${texts.map((t) => sql.bind(t)).join(', ')})`]
  if (texts.length < list.length) parts.push(`${column} IS NULL`)
  return or(parts)
}

/** SQL for whether a session has this client or user at either end. */
export function isParty(subject: Subject): string {
  return 'userId' in subject
    ? `(user_id = ${literal(subject.userId)} OR other_user_id = ${literal(subject.userId)})`
    : `(client_id = ${int(subject.clientId)} OR other_client_id = ${int(subject.clientId)})`
}

export function addresses(
  sql: Sql,
  side: 'source' | 'dest',
  list: readonly AddressFilter[],
): string {
  return or(
    list.map(({ ip, length, port }) => {
      const parts: string[] = []
      if (ip !== null)
        parts.push(
          length === null
            ? `t.${side}_ip = ${sql.bind(ip)}`
            : prefix(sql, `t.${side}_ip`, ip, length),
        )
      if (port !== null) parts.push(`t.${side}_port = ${int(port)}`)
      return parts.length === 0 ? 'true' : `(${parts.join(' AND ')})`
    }),
  )
}

/** Compares addresses as hex digits of equal length, which sort like numbers. */
function prefix(sql: Sql, column: string, ip: string, length: number): string {
  const v6 = ip.includes(':')
  const [low, high] = prefixRange(ip, length)
  const family = v6 ? `contains(${column}, ':')` : `NOT contains(${column}, ':')`
  return `(${family} AND ip_hex(${column}) BETWEEN ${sql.bind(low)} AND ${sql.bind(high)})`
}

/** The first and last address of a prefix, as 8 or 32 hex digits. */
export function prefixRange(ip: string, length: number): [string, string] {
  const bits = ip.includes(':') ? 128 : 32
  const value = addressValue(ip)
  const host = (1n << BigInt(bits - length)) - 1n
  const digits = bits / 4
  const low = value & ~host
  return [low.toString(16).padStart(digits, '0'), (low | host).toString(16).padStart(digits, '0')]
}

export function addressValue(ip: string): bigint {
  if (!ip.includes(':')) return ip.split('.').reduce((v, octet) => v * 256n + BigInt(octet), 0n)
  const [head = '', tail] = ip.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups =
    tail === undefined
      ? left
      : [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return groups.reduce((v, group) => v * 65536n + BigInt(`0x${group}`), 0n)
}

const ASCII = /^[\x20-\x7e]*$/

export function anywhere(sql: Sql, text: string, named: TextIds | undefined): string {
  // Addresses and endpoints are ASCII, mostly in small letters.
  const small = text.toLowerCase()
  const needle = sql.bind(small)
  const parts = [
    `contains(t.source_ip, ${needle})`,
    `contains(t.dest_ip, ${needle})`,
    endpointHolds(small, (t) => sql.bind(t)),
    // A meter may have written an endpoint with capital letters.
    ...(small === text ? [] : [endpointHoldsAsWritten(text, (t) => sql.bind(t))]),
    // lower() is cheaper than folded(), and gives the same result for ASCII.
    ...['t.user_id', 't.other_user_id'].map((column) =>
      ASCII.test(text)
        ? `contains(lower(${column}), ${needle})`
        : `contains(folded(${column}), folded(${sql.bind(text)}))`,
    ),
  ]
  if (named !== undefined) {
    const { clientIds, userIds, siteResourceIds, siteIds } = named
    if (clientIds.length > 0)
      parts.push(inNumbers('t.client_id', clientIds), inNumbers('t.other_client_id', clientIds))
    // Literals, because a statement has a bound of parameters.
    if (userIds.length > 0)
      for (const column of ['t.user_id', 't.other_user_id'])
        parts.push(`${column} IN (${userIds.map(literal).join(', ')})`)
    if (siteResourceIds.length > 0) parts.push(inNumbers('t.site_resource_id', siteResourceIds))
    if (siteIds.length > 0) parts.push(inNumbers('t.site_id', siteIds))
  }
  const port = /^:?(\d{1,5})$/.exec(text)?.[1]
  if (port !== undefined && Number(port) <= 65535) {
    parts.push(`t.source_port = ${int(Number(port))}`, `t.dest_port = ${int(Number(port))}`)
  }
  parts.push(...endpointParts(sql, small))
  return or(parts.map((p) => `coalesce(${p}, false)`))
}

/** Matches the end of an address and the beginning of a port: `10.8.0.2:443`, and while typing also `8.0.2:44`. */
function endpointParts(sql: Sql, small: string): string[] {
  const [, ip, digits] = /^\[?([0-9a-f.:]+?)\]?:([1-9]\d{0,4})$/.exec(small) ?? []
  if (ip === undefined || digits === undefined || Number(digits) > 65_535) return []
  const end = sql.bind(ip)
  const column = (side: string) => `t.${side}_ip`
  return ['source', 'dest'].map((side) => {
    const address =
      isIP(ip) === 0 ? `ends_with(${column(side)}, ${end})` : `${column(side)} = ${end}`
    return `(${address} AND ${portBegins(`t.${side}_port`, digits)})`
  })
}

/** SQL for ports that begin with these digits. */
function portBegins(column: string, digits: string): string {
  const ranges: string[] = []
  for (let [low, high] = [Number(digits), Number(digits)]; low <= 65_535; ) {
    ranges.push(`${column} BETWEEN ${int(low)} AND ${int(high)}`)
    low *= 10
    high = high * 10 + 9
  }
  return or(ranges)
}
