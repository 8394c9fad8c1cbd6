/** Stores and deletes peer events. */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { StoredPeerEvent } from '../../store.js'
import { int, literal } from '../database.js'

const DELETED_AT_ONCE = 10_000

/** The columns after org_id and site_id, in the order of the table. */
const COLUMNS = [
  ['meter_id', 'VARCHAR', (e: StoredPeerEvent) => e.meterId],
  ['event_id', 'VARCHAR', (e: StoredPeerEvent) => e.eventId],
  ['at_us', 'BIGINT', (e: StoredPeerEvent) => e.timeUs],
  ['event', 'VARCHAR', (e: StoredPeerEvent) => e.event],
  ['interface', 'VARCHAR', (e: StoredPeerEvent) => e.interface],
  ['public_key', 'VARCHAR', (e: StoredPeerEvent) => e.publicKey],
  ['client_id', 'BIGINT', (e: StoredPeerEvent) => e.clientId],
  ['user_id', 'VARCHAR', (e: StoredPeerEvent) => e.userId],
  ['endpoint', 'VARCHAR', (e: StoredPeerEvent) => e.endpoint],
  ['endpoint_before', 'VARCHAR', (e: StoredPeerEvent) => e.endpointBefore],
  ['allowed_ips', 'VARCHAR', (e: StoredPeerEvent) => e.allowedIps],
  ['allowed_ips_before', 'VARCHAR', (e: StoredPeerEvent) => e.allowedIpsBefore],
  ['handshake_us', 'BIGINT', (e: StoredPeerEvent) => e.handshakeUs],
  ['already', 'BOOLEAN', (e: StoredPeerEvent) => e.already],
] as const

const SHAPE = JSON.stringify([Object.fromEntries(COLUMNS.map(([name, type]) => [name, type]))])

/** SQL that inserts the events that are not stored yet. Stored ones do not change. */
export function peerEventsSql(
  orgId: string,
  siteId: number,
  events: readonly StoredPeerEvent[],
  arrival: number,
): string {
  const rows = events.map((event) =>
    Object.fromEntries(COLUMNS.map(([name, , read]) => [name, read(event)])),
  )
  let [first, last] = [Number.MAX_SAFE_INTEGER, 0]
  for (const { timeUs } of events) {
    first = Math.min(first, timeUs)
    last = Math.max(last, timeUs)
  }
  const names = COLUMNS.map(([name]) => `e.${name}`).join(', ')
  return `INSERT INTO peer_event SELECT ${literal(orgId)}, ${int(siteId)}, ${names}, ${int(arrival)}
    FROM (SELECT unnest(from_json(${literal(JSON.stringify(rows))}, ${literal(SHAPE)}), recursive := true)) e
    WHERE NOT EXISTS (SELECT 1 FROM peer_event p WHERE p.org_id = ${literal(orgId)} AND p.site_id = ${int(siteId)}
      AND p.at_us BETWEEN ${int(first)} AND ${int(last)} AND p.event_id = e.event_id)`
}

/** Deletes up to DELETED_AT_ONCE events that match a condition. @returns true if no others are left */
export async function deleteSomePeerEvents(
  connection: DuckDBConnection,
  orgId: string,
  where: string,
): Promise<boolean> {
  const result = await connection.run(
    `DELETE FROM peer_event WHERE rowid IN (
       SELECT rowid FROM peer_event WHERE org_id = $1 AND ${where} LIMIT ${DELETED_AT_ONCE})`,
    [orgId],
  )
  return result.rowsChanged < DELETED_AT_ONCE
}
