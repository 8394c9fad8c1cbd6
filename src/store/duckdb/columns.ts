/**
 * The columns of `session` and `session_open`, once: SQL type, how a value is taken from a StoredSession, and how it
 * comes back. Whole numbers travel as DOUBLE both ways (exact below 2^53, and far cheaper than BigInt); DuckDB casts.
 *
 * A session id is kept as its run (18 characters, few different ones: dictionary) and its sequence (a rising number:
 * bit-packed), about 3 bytes instead of 27. The end is kept as the duration, and payload as what the headers around
 * it have beyond the usual (usualHeaders): small numbers take few bits.
 */
import {
  CONN_STATES,
  DIRECTION_BASES,
  END_REASON_NAMES,
  PROTOCOLS,
  UNATTRIBUTED_REASONS,
} from '../../session/session.js'
import type { StoredSession } from '../store.js'
import { sequenceOf } from './ids.js'

export type ColumnKind = 'integer' | 'text' | 'boolean' | 'enum'
export interface Column {
  readonly name: string
  readonly kind: ColumnKind
  readonly sqlType: string
  /** Words of an enum, in order. */
  readonly words?: readonly string[]
  readonly get: (s: StoredSession) => number | string | boolean | null
}

function integer(name: string, get: Column['get'], sqlType = 'BIGINT'): Column {
  return { name, kind: 'integer', sqlType, get }
}
function text(name: string, get: Column['get']): Column {
  return { name, kind: 'text', sqlType: 'VARCHAR', get }
}
function words(name: string, list: readonly string[], get: Column['get']): Column {
  return {
    name,
    kind: 'enum',
    sqlType: `ENUM (${list.map((w) => `'${w}'`).join(', ')})`,
    words: list,
    get,
  }
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

export const COLUMNS: readonly Column[] = [
  text('org_id', (s) => s.orgId),
  integer('site_id', (s) => s.siteId),
  text('meter_id', (s) => s.meterId),
  text('run', (s) => s.sessionId.slice(0, 18)),
  integer('seq', (s) => sequenceOf(s.sessionId)),
  integer('start_us', (s) => s.startTimeUs),
  integer('duration_us', (s) => s.endTimeUs - s.startTimeUs),
  words('protocol', PROTOCOLS, (s) => s.protocol),
  text('source_ip', (s) => s.sourceIp),
  integer('source_port', (s) => s.sourcePort, 'USMALLINT'),
  text('dest_ip', (s) => s.destIp),
  integer('dest_port', (s) => s.destPort, 'USMALLINT'),
  integer('bytes_tx', (s) => s.bytesTx),
  integer('bytes_rx', (s) => s.bytesRx),
  integer('packets_tx', (s) => s.packetsTx),
  integer('packets_rx', (s) => s.packetsRx),
  integer('headers_tx', (s) => excessHeaders(s, s.bytesTx, s.payloadTx, s.packetsTx)),
  integer('headers_rx', (s) => excessHeaders(s, s.bytesRx, s.payloadRx, s.packetsRx)),
  words('end_reason', END_REASON_NAMES, (s) => s.endReason),
  words('conn_state', CONN_STATES, (s) => s.connState),
  integer('tcp_flags_tx', (s) => s.tcpFlagsTx, 'UTINYINT'),
  integer('tcp_flags_rx', (s) => s.tcpFlagsRx, 'UTINYINT'),
  integer('handshake_rtt_us', (s) => s.handshakeRttUs),
  words('direction_basis', DIRECTION_BASES, (s) => s.directionBasis),
  { name: 'midstream', kind: 'boolean', sqlType: 'BOOLEAN', get: (s) => s.midstream },
  integer('connection_count', (s) => s.connectionCount),
  text('peer_public_key', (s) => s.peerPublicKey),
  text('client_endpoint', (s) => s.clientEndpoint),
  integer('client_id', (s) => s.clientId),
  text('user_id', (s) => s.userId),
  integer('site_resource_id', (s) => s.siteResourceId),
  words('unattributed', UNATTRIBUTED_REASONS, (s) => s.unattributed),
]

export const COLUMN_NAMES = COLUMNS.map((c) => c.name).join(', ')

/** Of a field that is kept as it is: `clientEndpoint` is in `client_endpoint`. */
export function columnName(field: string): string {
  return field.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)
}
