/** The columns of the totals of deleted sessions (usage_kept), which expired_open shares. */
import type { DeletedTotals } from '../clickhouse/meta.js'
import { literal, literalOrNull, type Row } from '../sql/rows.js'
import { int, intOrNull } from '../sql/sql.js'

export const USAGE_SUMS = [
  'sessions',
  'connections',
  'bytes_tx',
  'bytes_rx',
  'packets_tx',
  'packets_rx',
]
export const USAGE_KEYS = 'org_id, month, site_id, client_id, user_id, site_resource_id'
export const USAGE_COLUMNS = `${USAGE_KEYS}, ${USAGE_SUMS.join(', ')}`
const KEY =
  "org_id, month, site_id, coalesce(client_id, -1), (user_id IS NULL), coalesce(user_id, ''), coalesce(site_resource_id, -1)"
const ADDED = USAGE_SUMS.map((name) => `${name} = usage_kept.${name} + excluded.${name}`).join(', ')
export const UPSERT_USAGE = `ON CONFLICT (${KEY}) DO UPDATE SET ${ADDED}`

/** Values of USAGE_COLUMNS. */
export function usageValues(orgId: string, one: DeletedTotals): string {
  return [
    ...[literal(orgId), literal(one.month), int(one.siteId), intOrNull(one.clientId)],
    ...[literalOrNull(one.userId), intOrNull(one.siteResourceId)],
    ...[one.sessions, one.connections, one.bytesTx, one.bytesRx, one.packetsTx, one.packetsRx],
  ].join(', ')
}

export function totalsSql(orgId: string, totals: readonly DeletedTotals[]): string {
  const rows = totals.map((one) => usageValues(orgId, one))
  return `INSERT INTO usage_kept (${USAGE_COLUMNS}) VALUES (${rows.join('), (')}) ${UPSERT_USAGE}`
}

/** The new id of a user or client; null: none. */
export type Replacement = (kind: 'user' | 'client', id: string) => string | null

/** A row's user_id and client_id (as text in `client`) as SQL, with the ids that `as` gives them. */
export function personSql(
  row: Row,
  as: Replacement = (_kind, id) => id,
): { readonly user: string; readonly client: string } {
  const user = row.user_id === null ? null : as('user', row.user_id as string)
  const client = row.client === null ? null : as('client', row.client as string)
  return {
    user: literalOrNull(user),
    client: intOrNull(client === null ? null : Number(client)),
  }
}
