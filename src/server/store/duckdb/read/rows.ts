/** Rows of the log: the select list with the catalog's names, and result chunks as LogRow objects. */
import type { DuckDBDataChunk } from '@duckdb/node-api'
import type { LogRow } from '../../store.js'
import { COLUMNS, columnSql, payloadOf } from '../schema/columns.js'
import { sessionIdOf } from '../schema/ids.js'
import type { Source } from './where.js'

const NAMES = [
  ['clientName', 'c.name'],
  ['userName', 'u.name'],
  ['userEmail', 'u.email'],
  ['resourceName', 'r.name'],
  ['siteName', 's.name'],
] as const

/** Plain columns of one source, with its flags; `t` is the table. */
export function selectPlain(source: Source): string {
  const columns = COLUMNS.map((c) => `${columnSql(c.name)} AS ${c.name}`).join(', ')
  return `SELECT ${columns}, ${source.open} AS is_open, ${source.interrupted} AS is_interrupted
    FROM ${source.from} WHERE ${source.where}`
}

/** Adds the names to a query of plain columns; `order` is on its columns under the alias p. */
export function withNames(plain: string, order: string): string {
  const columns = COLUMNS.map((c) => {
    if (c.kind === 'integer') return `p.${c.name}::DOUBLE AS ${c.name}`
    return c.kind === 'enum' ? `p.${c.name}::VARCHAR AS ${c.name}` : `p.${c.name}`
  }).join(', ')
  return `SELECT ${columns}, p.is_open, p.is_interrupted, ${NAMES.map(([name, sql]) => `${sql} AS "${name}"`).join(', ')}
    FROM (${plain}) p ${NAME_JOINS} ${order}`
}

export const NAME_TABLES = ['catalog_client', 'catalog_user', 'catalog_resource', 'catalog_site']

export const NAME_JOINS = `
    LEFT JOIN catalog_client c ON c.org_id = p.org_id AND c.id = p.client_id
    LEFT JOIN catalog_user u ON u.org_id = p.org_id AND u.id = p.user_id
    LEFT JOIN catalog_resource r ON r.org_id = p.org_id AND r.id = p.site_resource_id
    LEFT JOIN catalog_site s ON s.org_id = p.org_id AND s.id = p.site_id`

/** Written out, so that all rows have one shape: exports build a million a second. */
export function rowsOfChunk(chunk: DuckDBDataChunk): LogRow[] {
  const columns = chunk.getColumns() as unknown as never[][]
  const named: Record<string, readonly never[]> = {}
  const names = [
    ...COLUMNS.map((c) => c.name),
    'is_open',
    'is_interrupted',
    ...NAMES.map(([n]) => n),
  ]
  for (const [i, name] of names.entries()) named[name] = columns[i]!
  return (named.run as readonly string[]).map((run, i) => rowAt(named, run, i))
}

function rowAt(c: Record<string, readonly never[]>, run: string, i: number): LogRow {
  const startTimeUs: number = c.start_us![i]!
  const bytesTx: number | null = c.bytes_tx![i]!
  const bytesRx: number | null = c.bytes_rx![i]!
  const packetsTx: number | null = c.packets_tx![i]!
  const packetsRx: number | null = c.packets_rx![i]!
  const facts = { protocol: c.protocol![i]!, sourceIp: c.source_ip![i]! }
  return {
    orgId: c.org_id![i]!,
    siteId: c.site_id![i]!,
    meterId: c.meter_id![i]!,
    sessionId: sessionIdOf(run, c.seq![i]!),
    startTimeUs,
    endTimeUs: startTimeUs + (c.duration_us![i]! as number),
    protocol: facts.protocol,
    sourceIp: facts.sourceIp,
    sourcePort: c.source_port![i]!,
    destIp: c.dest_ip![i]!,
    destPort: c.dest_port![i]!,
    bytesTx,
    bytesRx,
    packetsTx,
    packetsRx,
    payloadTx: payloadOf(facts, bytesTx, c.headers_tx![i]!, packetsTx),
    payloadRx: payloadOf(facts, bytesRx, c.headers_rx![i]!, packetsRx),
    endReason: c.end_reason![i]!,
    connState: c.conn_state![i]!,
    tcpFlagsTx: c.tcp_flags_tx![i]!,
    tcpFlagsRx: c.tcp_flags_rx![i]!,
    handshakeRttUs: c.handshake_rtt_us![i]!,
    directionBasis: c.direction_basis![i]!,
    midstream: c.midstream![i]!,
    connectionCount: c.connection_count![i]!,
    peerPublicKey: c.peer_public_key![i]!,
    clientEndpoint: c.client_endpoint![i]!,
    clientId: c.client_id![i]!,
    userId: c.user_id![i]!,
    siteResourceId: c.site_resource_id![i]!,
    unattributed: c.unattributed![i]!,
    open: c.is_open![i]!,
    interrupted: c.is_interrupted![i]!,
    clientName: c.clientName![i]!,
    userName: c.userName![i]!,
    userEmail: c.userEmail![i]!,
    resourceName: c.resourceName![i]!,
    siteName: c.siteName![i]!,
  }
}
