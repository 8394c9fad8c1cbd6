/**
 * Filters as SQL. Two tables answer every question: `session` (ended) and `session_open`; a filter becomes one
 * condition that holds for both. Where only sums are asked for, whole hours come from a third, rollup_hour
 * (rollup.ts). Numbers are written as literals, texts are bound.
 */
import { isIP } from 'node:net'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { AddressFilter, LogFilter, TextIds } from '../../store.js'
import { int, literal, rowsOf } from '../database.js'
import { endpointHolds, endpointHoldsAsWritten } from '../schema/columns.js'
import { sequenceOf } from '../schema/ids.js'
import {
  type Dimension,
  dimensionFor,
  ROLLED_SUMS,
  ROW_SUMS,
  rolledTable,
  wholeHours,
} from '../write/rollup.js'

/** The meter `m` has been silent so long that its open sessions count as interrupted; `--silence-after`. */
export function meterIsSilent(nowUs: number): string {
  return `m.received_us < ${int(nowUs)} - getvariable('silence_us')`
}

/** The session `t` is of an earlier run of its meter `m`, or of one that was forgotten: nothing reports it as open again. */
export const SESSION_RUN_OVER = 'coalesce(m.run_started_us > t.run_started_us, true)'

export class Sql {
  readonly values: string[] = []

  bind(text: string): string {
    this.values.push(text)
    return `$${this.values.length}`
  }
}

export interface Source {
  /** As FROM item. */
  readonly from: string
  /** Conditions on its rows. */
  readonly where: string
  /** SQL for the flags of a row. */
  readonly open: string
  readonly interrupted: string
}

export interface SumSource {
  readonly from: string
  readonly where: string
  /** The sums of rollup.ts, over its rows. */
  readonly sums: string
  /** The number of sessions alone. */
  readonly count: string
  /** How many of its rows are open sessions, and SQL for whether one is. */
  readonly openSum: string
  readonly open: string
}

/**
 * What sums are made of: rows, or hours where they hold all that filters and group need.
 * @param group the dimension that is grouped by; null: none; undefined: one that hours do not hold
 * @param rolled of the snapshot that the query runs in
 */
export function sumSources(
  sql: Sql,
  orgId: string,
  filter: LogFilter,
  nowUs: number,
  { group, rolled, except }: SumScope,
): SumSource[] {
  const all = sources(sql, orgId, filter, nowUs, except)
  const ofRows = ({ from, where, open }: Source): SumSource => ({
    from,
    where,
    sums: ROW_SUMS,
    count: 'count(*)',
    openSum: open === 'false' ? '0' : `count(*) FILTER (${open})`,
    open,
  })
  const hours = wholeHours(filter)
  const dimension = group === undefined ? null : dimensionFor(filter, group, except)
  const [ended, ...others] = all
  // Which ended sessions were interrupted, hours do not hold.
  if (
    hours === null ||
    dimension === null ||
    ended?.from !== ENDED ||
    filter.state === 'interrupted'
  )
    return all.map(ofRows)
  const cut = (more: string) => ofRows({ ...ended, where: `${ended.where} AND ${more}` })
  const inHours = conditions(sql, orgId, { ...filter, ...hours }, except)
  return [
    {
      from: rolledTable(dimension),
      where: inHours,
      sums: ROLLED_SUMS,
      count: 'sum(t.sessions)',
      openSum: '0',
      open: 'false',
    },
    // Three queries, since zone maps do not see through OR.
    cut(`t.start_us < ${int(hours.fromUs)}`),
    cut(`t.start_us >= ${int(hours.toUs)}`),
    ofRows({ ...ended, where: `${inHours} AND t.arrival > ${int(rolled)}` }),
    ...others.map(ofRows),
  ]
}

export interface SumScope {
  readonly group: Dimension | null | undefined
  readonly rolled: number
  readonly except?: keyof LogFilter
}

const ENDED = 'session t'

/** Which of the two tables can hold matching rows, each with its conditions. */
export function sources(
  sql: Sql,
  orgId: string,
  filter: LogFilter,
  nowUs: number,
  except?: keyof LogFilter,
): Source[] {
  const where = conditions(sql, orgId, filter, except)
  const all: Source[] = []
  const state = except === 'state' ? undefined : filter.state
  if (state !== 'open') {
    // Those of them that the writer closed, since their meter's run was over.
    const closed = `(t.end_reason = 'activeTimeout')`
    const only = state === 'interrupted' ? ` AND ${closed}` : ''
    all.push({ from: ENDED, where: where + only, open: 'false', interrupted: closed })
  }
  const interrupted = `(${SESSION_RUN_OVER} OR ${meterIsSilent(nowUs)})`
  const from = `session_open t LEFT JOIN meter m
    ON m.org_id = t.org_id AND m.site_id = t.site_id AND m.meter_id = t.meter_id`
  const stateSql =
    state === undefined ? '' : state === 'open' ? ` AND NOT ${interrupted}` : ` AND ${interrupted}`
  all.push({ from, where: where + stateSql, open: `NOT ${interrupted}`, interrupted })
  return all
}

function conditions(sql: Sql, orgId: string, filter: LogFilter, except?: keyof LogFilter): string {
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
    connStates: (list) => inTexts(sql, 't.conn_state', list),
    endReasons: (list) => inTexts(sql, 't.end_reason', list),
    minBytes: (n) => `coalesce(t.bytes_tx, 0) + coalesce(t.bytes_rx, 0) >= ${int(n)}`,
    text: (text) => anywhere(sql, text, filter.textIds),
    textIds: null,
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

function or(parts: readonly string[]): string {
  return parts.length === 0 ? 'false' : `(${parts.join(' OR ')})`
}

function inNumbers(column: string, list: readonly (number | null)[]): string {
  const numbers = list.filter((n) => n !== null)
  const parts = numbers.length === 0 ? [] : [`${column} IN (${numbers.map(int).join(', ')})`]
  if (numbers.length < list.length) parts.push(`${column} IS NULL`)
  return or(parts)
}

function inTexts(sql: Sql, column: string, list: readonly (string | null)[]): string {
  const texts = list.filter((t) => t !== null)
  const parts =
    texts.length === 0 ? [] : [`${column} IN (${texts.map((t) => sql.bind(t)).join(', ')})`]
  if (texts.length < list.length) parts.push(`${column} IS NULL`)
  return or(parts)
}

function addresses(sql: Sql, side: 'source' | 'dest', list: readonly AddressFilter[]): string {
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

/** Addresses as hex of equal length compare like numbers. */
function prefix(sql: Sql, column: string, ip: string, length: number): string {
  const v6 = ip.includes(':')
  const [low, high] = prefixRange(ip, length)
  const family = v6 ? `contains(${column}, ':')` : `NOT contains(${column}, ':')`
  return `(${family} AND ip_hex(${column}) BETWEEN ${sql.bind(low)} AND ${sql.bind(high)})`
}

/** First and last address of a prefix as hex digits, 8 or 32. */
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

/**
 * The filter with the ids whose names hold its text. Asked once beforehand: as subqueries of the condition they cost
 * a join each over all rows, even when no name matches.
 *
 * Case and Unicode form are folded by the database alone (folded() of schema.ts), the text like the names: what
 * JavaScript folds differently (ΓΙΩΡΓΟΣ, İ) would not find itself.
 */
export async function withTextIds(
  connection: DuckDBConnection,
  orgId: string,
  filter: LogFilter,
): Promise<LogFilter> {
  if (filter.text === undefined) return filter
  const found = async (table: string, more = '') => {
    const rows = await rowsOf(
      connection,
      `SELECT id${table === 'catalog_user' ? '' : '::DOUBLE'} AS id FROM ${table}
       WHERE org_id = $1 AND (contains(folded(name), folded($2))${more})`,
      [orgId, filter.text!],
    )
    return rows.map((row) => row.id)
  }
  return {
    ...filter,
    textIds: {
      clientIds: (await found('catalog_client')) as number[],
      userIds: (await found('catalog_user', ' OR contains(folded(email), folded($2))')) as string[],
      siteResourceIds: (await found('catalog_resource')) as number[],
      siteIds: (await found('catalog_site')) as number[],
    },
  }
}

const ASCII = /^[\x20-\x7e]*$/

function anywhere(sql: Sql, text: string, named: TextIds | undefined): string {
  // Addresses and endpoints are ASCII, in small letters but where a meter wrote otherwise.
  const small = text.toLowerCase()
  const needle = sql.bind(small)
  const parts = [
    `contains(t.source_ip, ${needle})`,
    `contains(t.dest_ip, ${needle})`,
    endpointHolds(small, (t) => sql.bind(t)),
    // As a meter may have written it, which the row shows.
    ...(small === text ? [] : [endpointHoldsAsWritten(text, (t) => sql.bind(t))]),
    // The cheaper way, over all rows, where it says the same.
    ASCII.test(text)
      ? `contains(lower(t.user_id), ${needle})`
      : `contains(folded(t.user_id), folded(${sql.bind(text)}))`,
  ]
  if (named !== undefined) {
    const { clientIds, userIds, siteResourceIds, siteIds } = named
    if (clientIds.length > 0) parts.push(inNumbers('t.client_id', clientIds))
    // Not bound: there may be more than a statement takes parameters.
    if (userIds.length > 0) parts.push(`t.user_id IN (${userIds.map(literal).join(', ')})`)
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

/** `10.8.0.2:443` and, while it is being typed, `8.0.2:44`: the end of an address and the beginning of a port. */
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

/** Ports whose digits begin with these. */
function portBegins(column: string, digits: string): string {
  const ranges: string[] = []
  for (let [low, high] = [Number(digits), Number(digits)]; low <= 65_535; ) {
    ranges.push(`${column} BETWEEN ${int(low)} AND ${int(high)}`)
    low *= 10
    high = high * 10 + 9
  }
  return or(ranges)
}
