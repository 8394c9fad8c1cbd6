/** Requests for connections and events of peers. */
import type { PeerConnectionView, PeerEventView } from '../../server/http/peer-schemas.js'
import type { QueryParams } from '../state/url.js'
import { apiPath, request } from './client.js'

export type PeerConnection = PeerConnectionView
export type PeerEventRow = PeerEventView

/** The most connections, and the events per page. */
export const PEERS_SHOWN = 200

const path = (orgId: string) => `/org/${encodeURIComponent(orgId)}/logs/peers`

export function fetchConnections(
  orgId: string,
  query: QueryParams,
  signal: AbortSignal,
): Promise<{ connections: readonly PeerConnection[]; more: boolean }> {
  return request(`${path(orgId)}/connections`, { signal, query: { limit: PEERS_SHOWN, ...query } })
}

export async function fetchPeerEvents(
  orgId: string,
  query: QueryParams,
  signal: AbortSignal,
): Promise<{ events: readonly PeerEventRow[]; nextCursor: string | null }> {
  const answer = await request<{
    log: readonly PeerEventRow[]
    pagination: { nextCursor: string | null }
  }>(path(orgId), { signal, query: { limit: PEERS_SHOWN, ...query } })
  return { events: answer.log, nextCursor: answer.pagination.nextCursor }
}

export function peersExportHref(orgId: string, query: QueryParams): string {
  return apiPath(`${path(orgId)}/export`, { format: 'csv', ...query })
}
