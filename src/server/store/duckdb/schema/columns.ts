/**
 * The columns of `session` and `session_open`, once: SQL type, how a value is taken from a StoredSession, and how it
 * comes back. Whole numbers travel as DOUBLE both ways (exact below 2^53, and far cheaper than BigInt); DuckDB casts.
 *
 *   STORED_COLUMNS   what the tables have, in their order: who writes rows or makes a table goes by these
 *   COLUMNS          what a query of rows has (selectPlain), in its order: who reads goes by these. The same, except that
 *                    `peer` is taken apart into peer_public_key and client_endpoint
 *
 * A session id is kept as its run (18 characters, few different ones: dictionary) and its sequence (a rising number:
 * bit-packed), about 3 bytes instead of 27. The end is kept as the duration, and payload as what the headers around
 * it have beyond the usual (usualHeaders): small numbers take few bits. The key of a peer and its endpoint say nearly
 * the same, so they are one text: a byte a row less than as two.
 */

import { getter } from '../../../../session/field-code.js'
import {
  SESSION_FIELD_NAMES,
  SESSION_FIELDS,
  type SessionField,
  type SessionFieldName,
} from '../../../../session/session-table.js'
import type { StoredSession } from '../../store.js'
import { sequenceOf } from './ids.js'

export type ColumnKind = 'integer' | 'text' | 'boolean' | 'enum'
export interface Column {
  readonly name: string
  readonly kind: ColumnKind
  readonly sqlType: string
  /** Words of an enum, in order. */
  readonly words?: readonly string[]
}
export interface StoredColumn extends Column {
  readonly get: (s: StoredSession) => number | string | boolean | null
}

type Get = StoredColumn['get']

function integer(name: string, get: Get): StoredColumn {
  return { name, kind: 'integer', sqlType: 'BIGINT', get }
}
function text(name: string, get: Get): StoredColumn {
  return { name, kind: 'text', sqlType: 'VARCHAR', get }
}
/** A field that is kept as it is, with the type that the table of fields gives it. */
function plain(field: SessionFieldName): StoredColumn {
  const get = getter<StoredSession, typeof field>(field)
  return { name: columnName(field), ...kindOf(SESSION_FIELDS[field]), get }
}
function kindOf(field: SessionField): Pick<Column, 'kind' | 'sqlType' | 'words'> {
  switch (field.type) {
    case 'integer':
      return { kind: 'integer', sqlType: integerType(field.max) }
    case 'boolean':
      return { kind: 'boolean', sqlType: 'BOOLEAN' }
    case 'enum': {
      const { words } = field
      return { kind: 'enum', sqlType: `ENUM (${words.map((w) => `'${w}'`).join(', ')})`, words }
    }
    default:
      return { kind: 'text', sqlType: 'VARCHAR' }
  }
}
function integerType(max: number): string {
  if (max <= 255) return 'UTINYINT'
  return max <= 65_535 ? 'USMALLINT' : 'BIGINT'
}

type HeaderFacts = Pick<StoredSession, 'protocol' | 'sourceIp'>

/** IPv4 without options, and UDP or TCP with timestamps, as nearly all data packets are; IPv6 has 20 more. */
function usualHeaders({ protocol, sourceIp }: HeaderFacts, packets: number | null): number {
  return (packets ?? 0) * ((protocol === 'udp' ? 28 : 52) + (sourceIp.includes(':') ? 20 : 0))
}

function excessHeaders(
  session: HeaderFacts,
  bytes: number | null,
  payload: number | null,
  packets: number | null,
): number | null {
  if (bytes === null || payload === null) return null
  return bytes - payload - usualHeaders(session, packets)
}

/** The payload again, from what excessHeaders made of it. */
export function payloadOf(
  session: HeaderFacts,
  bytes: number | null,
  excess: number | null,
  packets: number | null,
): number | null {
  if (bytes === null || excess === null) return null
  return bytes - excess - usualHeaders(session, packets)
}

/** The same in SQL. @param way `tx` or `rx` */
export function usualHeadersSql(way: string): string {
  return `coalesce(packets_${way}, 0) * (CASE WHEN protocol = 'udp' THEN 28 ELSE 52 END
    + CASE WHEN contains(source_ip, ':') THEN 20 ELSE 0 END)`
}

/**
 * Any two texts as one: `ENDPOINT|KEY`, each escaped, where nothing stands for null.
 *
 * The letters of the escapes are large, and a text that is searched for is small (where.ts): it is never found in the
 * middle of an escape, so that it can be looked for in what is stored.
 */
export function peerOf({
  peerPublicKey,
  clientEndpoint,
}: Pick<StoredSession, 'peerPublicKey' | 'clientEndpoint'>): string | null {
  if (peerPublicKey === null && clientEndpoint === null) return null
  const key = peerPublicKey ?? ''
  const endpoint = clientEndpoint ?? ''
  const known = peers.get(endpoint)
  if (known?.key === key) return known.text
  const text = `${escaped(endpoint)}|${escaped(key)}`
  if (peers.size === PEERS_MAX) peers.clear()
  peers.set(endpoint, { key, text })
  return text
}

/** Made once and not for each session: by endpoint, with the key it had last. */
const peers = new Map<string, { readonly key: string; readonly text: string }>()
const PEERS_MAX = 4096

function escaped(text: string): string {
  return text.replaceAll('~', '~T').replaceAll('|', '~B')
}

/** One of the two texts again. Functions of one varying input, and none of lists: DuckDB calls them once a word. */
function peerPartSql(other: string): string {
  return `nullif(replace(replace(regexp_replace(t.peer, '${other}', ''), '~B', '|'), '~T', '~'), '')`
}

const CLIENT_ENDPOINT = peerPartSql('[|][^|]*$')

/** What finds a text in the endpoint of a row `t`, as quick as contains(); the key comes after it. */
export function endpointHolds(smallText: string, bind: (text: string) => string): string {
  const needle = bind(escaped(smallText))
  return `CASE WHEN contains(t.peer, ${needle}) THEN strpos(t.peer, ${needle}) < strpos(t.peer, '|') END`
}

/**
 * The same for a text with capitals, which the escapes ~T and ~B have as well: the endpoint is taken out of the rows that
 * may hold it.
 */
export function endpointHoldsAsWritten(text: string, bind: (text: string) => string): string {
  return `CASE WHEN contains(t.peer, ${bind(escaped(text))}) THEN contains(${CLIENT_ENDPOINT}, ${bind(text)}) END`
}

const FIRST_COLUMNS: readonly StoredColumn[] = [
  text('org_id', (s) => s.orgId),
  integer('site_id', (s) => s.siteId),
  text('meter_id', (s) => s.meterId),
  text('run', (s) => s.sessionId.slice(0, 18)),
  integer('seq', (s) => sequenceOf(s.sessionId)),
  integer('start_us', (s) => s.startTimeUs),
  integer('duration_us', (s) => s.endTimeUs - s.startTimeUs),
  plain('protocol'),
  plain('sourceIp'),
  plain('sourcePort'),
  plain('destIp'),
  plain('destPort'),
  plain('bytesTx'),
  plain('bytesRx'),
  plain('packetsTx'),
  plain('packetsRx'),
  integer('headers_tx', (s) => excessHeaders(s, s.bytesTx, s.payloadTx, s.packetsTx)),
  integer('headers_rx', (s) => excessHeaders(s, s.bytesRx, s.payloadRx, s.packetsRx)),
  plain('endReason'),
  plain('connState'),
  plain('tcpFlagsTx'),
  plain('tcpFlagsRx'),
  plain('handshakeRttUs'),
  plain('directionBasis'),
  plain('midstream'),
  plain('connectionCount'),
  text('peer', peerOf),
  plain('clientId'),
  plain('userId'),
  plain('siteResourceId'),
  plain('unattributed'),
]

/** Fields that are not kept as they are, but in other columns: those above that have a function of their own. */
const KEPT_OTHERWISE: readonly SessionFieldName[] = [
  'sessionId',
  'startTimeUs',
  'endTimeUs',
  'payloadTx',
  'payloadRx',
  'peerPublicKey',
  'clientEndpoint',
]

/** Fields that came to the table of fields later, each by an ALTER TABLE (schema.ts). */
const LATER_COLUMNS = SESSION_FIELD_NAMES.filter(
  (name) =>
    !KEPT_OTHERWISE.includes(name) && FIRST_COLUMNS.every((c) => c.name !== columnName(name)),
).map(plain)

/** Where the tables have the column that is their own, `arrival` or `run_started_us`: before those that came later. */
export const OWN_COLUMN_AT = FIRST_COLUMNS.length

export const STORED_COLUMNS: readonly StoredColumn[] = [...FIRST_COLUMNS, ...LATER_COLUMNS]

export const STORED_NAMES = STORED_COLUMNS.map((c) => c.name).join(', ')

const PEER_PARTS: Readonly<Record<string, string>> = {
  peer_public_key: peerPartSql('^[^|]*[|]'),
  client_endpoint: CLIENT_ENDPOINT,
}

export const COLUMNS: readonly Column[] = STORED_COLUMNS.flatMap((column): Column[] =>
  column.name === 'peer'
    ? Object.keys(PEER_PARTS).map((name) => ({ name, kind: 'text', sqlType: 'VARCHAR' }))
    : [column],
)

/** The value of one of COLUMNS for a row `t` of the tables. */
export function columnSql(name: string): string {
  return PEER_PARTS[name] ?? `t.${name}`
}

/** Of a field that is kept as it is: `clientEndpoint` is in `client_endpoint`. */
export function columnName(field: string): string {
  return field.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)
}

/** The other way. */
export function fieldName(column: string): string {
  return column.replace(/_[a-z]/g, (c) => c.charAt(1).toUpperCase())
}
