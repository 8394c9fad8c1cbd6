/**
 * Filters as SQL conditions on rows `t` with the columns of sessions, the same for every engine. Numbers are literals,
 * texts are bound.
 */
import { isIP } from 'node:net'
import type { AddressFilter, LogFilter, Subject, TextIds } from '../filter.js'
import { sequenceOf } from '../ids.js'
import { inNumbers, inTexts, int, or, type Sql } from './sql.js'

export function conditions(
  sql: Sql,
  orgId: string,
  filter: LogFilter,
  except?: keyof LogFilter,
): string {
  const parts = [
    `t.org_id = ${sql.bind(orgId)}`,
    `t.start_us >= ${int(filter.fromUs)}`,
    `t.start_us < ${int(filter.toUs)}`,
  ]
  const builders: {
    [K in keyof LogFilter]-?: ((value: NonNullable<LogFilter[K]>) => string) | null
  } = {
    fromUs: null,
    toUs: null,
    state: null,
    protocols: (list) => inTexts(sql, 't.protocol', list),
    sources: (list) => addresses(sql, 'source', list),
    dests: (list) => addresses(sql, 'dest', list),
    ports: (list) => `t.dest_port IN (${list.map(int).join(', ')})`,
    clientIds: (list) => inNumbers('t.client_id', list),
    siteIds: (list) => inNumbers('t.site_id', list),
    siteResourceIds: (list) => inNumbers('t.site_resource_id', list),
    userIds: (list) => inTexts(sql, 't.user_id', list),
    party: (subject) => `coalesce(${isParty(sql, subject)}, false)`,
    connStates: (list) => inTexts(sql, 't.conn_state', list),
    endReasons: (list) => inTexts(sql, 't.end_reason', list),
    minBytes: (n) => `coalesce(t.bytes_tx, 0) + coalesce(t.bytes_rx, 0) >= ${int(n)}`,
    text: (text) => anywhere(sql, text, filter.textIds),
    textIds: null,
    // The caller adds the terms, because they need the SQL for open rows.
    terms: null,
    sessionIds: (list) =>
      or(
        list.map(
          (id) => `(t.run = ${sql.bind(id.slice(0, 18))} AND t.seq = ${int(sequenceOf(id))})`,
        ),
      ),
  }
  for (const [key, build] of Object.entries(builders) as [
    keyof LogFilter,
    ((v: unknown) => string) | null,
  ][]) {
    const value = filter[key]
    if (build !== null && value !== undefined && key !== except) parts.push(build(value))
  }
  return parts.join(' AND ')
}

/** SQL for whether a session has this client or user at either end. */
export function isParty(sql: Pick<Sql, 'literal'>, subject: Subject): string {
  return 'userId' in subject
    ? `(user_id = ${sql.literal(subject.userId)} OR other_user_id = ${sql.literal(subject.userId)})`
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
            : sql.inPrefix(`t.${side}_ip`, ip, length),
        )
      if (port !== null) parts.push(`t.${side}_port = ${int(port)}`)
      return parts.length === 0 ? 'true' : `(${parts.join(' AND ')})`
    }),
  )
}

export function anywhere(sql: Sql, text: string, named: TextIds | undefined): string {
  // Addresses and endpoints are ASCII, mostly in small letters.
  const small = text.toLowerCase()
  const needle = sql.bind(small)
  const parts = [
    sql.contains('t.source_ip', needle),
    sql.contains('t.dest_ip', needle),
    ...sql.endpointHolds(text, small),
    ...['t.user_id', 't.other_user_id'].flatMap((column) => sql.userHolds(column, text, needle)),
  ]
  if (named !== undefined) {
    const { clientIds, userIds, siteResourceIds, siteIds } = named
    if (clientIds.length > 0)
      parts.push(inNumbers('t.client_id', clientIds), inNumbers('t.other_client_id', clientIds))
    // Literals, because a statement has a bound of parameters.
    if (userIds.length > 0)
      for (const column of ['t.user_id', 't.other_user_id'])
        parts.push(`${column} IN (${userIds.map((id) => sql.literal(id)).join(', ')})`)
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
    const address = isIP(ip) === 0 ? sql.endsWith(column(side), end) : `${column(side)} = ${end}`
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
