/**
 * The columns of `session` and `session_open`: SQL types, and the conversion from and to a StoredSession. Whole numbers
 * are passed as DOUBLE in both directions (exact below 2^53, and much cheaper than BigInt), and DuckDB casts them.
 *
 *   STORED_COLUMNS   the columns of the tables, in order, for writers and CREATE TABLE
 *   COLUMNS          the columns of a query (selectPlain), in order, for readers: the same, but with
 *                    peer_public_key and client_endpoint instead of `peer`
 *
 * These columns save space. A session id is stored as its run (18 characters, few different ones: dictionary) and its
 * sequence (a rising number: bit-packed), about 3 bytes instead of 27. The end is stored as the duration, and the
 * payload as the bytes that its headers have beyond the usual ones (usualHeaders): small numbers take few bits. A
 * peer's key and its endpoint mostly occur together, so both are one text: one byte a row less than two texts.
 */

import { getter } from '../../../../session/field-code.js'
import {
  SESSION_FIELD_NAMES,
  SESSION_FIELDS,
  type SessionField,
  type SessionFieldName,
} from '../../../../session/session-table.js'
import { excessHeaders } from '../../headers.js'
import { sequenceOf } from '../../ids.js'
import { columnName } from '../../sql/column-names.js'
import type { StoredSession } from '../../store.js'

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
/** A field that is stored unchanged, with its type from the table of fields. */
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

/** usualHeaders() in SQL. */
export function usualHeadersSql(direction: 'tx' | 'rx'): string {
  return `coalesce(packets_${direction}, 0) * (CASE WHEN protocol = 'udp' THEN 28 ELSE 52 END
    + CASE WHEN contains(source_ip, ':') THEN 20 ELSE 0 END)`
}

/** payloadOf() of headers.ts, in its order: columns of exports are DOUBLEs. */
export function payloadSql(direction: 'tx' | 'rx'): string {
  return `bytes_${direction} - (headers_${direction} + ${usualHeadersSql(direction)})`
}

/**
 * Both texts as one: `ENDPOINT|KEY`, each escaped; an empty part stands for null.
 *
 * The escapes have capital letters, and searched texts are in small letters (sql-parts.ts). So a search never matches
 * the inside of an escape, and can run on the stored text.
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

/** Caches peerOf() by endpoint, for the key that it had last. */
const peers = new Map<string, { readonly key: string; readonly text: string }>()
const PEERS_MAX = 4096

function escaped(text: string): string {
  return text.replaceAll('~', '~T').replaceAll('|', '~B')
}

/**
 * Extracts one of the two texts. Each function has only one varying input and no lists, so DuckDB calls it once for
 * each word of the dictionary.
 */
function peerPartSql(other: string): string {
  return `nullif(replace(replace(regexp_replace(t.peer, '${other}', ''), '~B', '|'), '~T', '~'), '')`
}

const CLIENT_ENDPOINT = peerPartSql('[|][^|]*$')

/** SQL for whether the endpoint of a row `t` contains the text, as fast as contains(). The match must be before `|`. */
export function endpointHolds(smallText: string, bind: (text: string) => string): string {
  const needle = bind(escaped(smallText))
  return `CASE WHEN contains(t.peer, ${needle}) THEN strpos(t.peer, ${needle}) < strpos(t.peer, '|') END`
}

/**
 * The same for a text with capital letters, which may match inside the escapes ~T and ~B. So the endpoint is extracted
 * from the rows that may contain the text.
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

/** Fields that are stored in other columns: those above with a function of their own. */
const KEPT_OTHERWISE: readonly SessionFieldName[] = [
  'sessionId',
  'startTimeUs',
  'endTimeUs',
  'payloadTx',
  'payloadRx',
  'peerPublicKey',
  'clientEndpoint',
]

/** Fields that were added later, each by an ALTER TABLE (schema.ts). */
const LATER_COLUMNS = SESSION_FIELD_NAMES.filter(
  (name) =>
    !KEPT_OTHERWISE.includes(name) && FIRST_COLUMNS.every((c) => c.name !== columnName(name)),
).map(plain)

/** The index of a table's own column, `arrival` or `run_started_us`: after the first columns, before LATER_COLUMNS. */
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

/** SQL for the value of one of COLUMNS in a row `t`. */
export function columnSql(name: string): string {
  return PEER_PARTS[name] ?? `t.${name}`
}
