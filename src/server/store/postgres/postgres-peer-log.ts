/** The log of peers in PostgreSQL. Batches bring its events (postgres-ledger.ts). */
import {
  arrivedPeers,
  countArrivedPeers,
  countPeerEvents,
  peerConnections,
  peerEvents,
} from '../peer-queries.js'
import { literal } from '../sql/rows.js'
import { int } from '../sql/sql.js'
import type {
  Arrived,
  ArrivedCount,
  ArrivedRequest,
  ConnectionsRequest,
  PeerConnection,
  PeerEventRow,
  PeerLog,
  PeerPage,
  PeerPageRequest,
  Subject,
} from '../store.js'
import type { Postgres } from './database.js'

type CountRequest = Parameters<PeerLog['countArrivedPeers']>[1]

/** 64 bits. Lengths keep texts apart that join alike. */
const CONNECTION_KEY = `hashtextextended(concat_ws('|', site_id, length(meter_id), meter_id, length(interface), interface,
  coalesce(public_key, client_id::TEXT)), 0)`

export class PostgresPeerLog implements PeerLog {
  readonly #postgres: Postgres

  constructor(postgres: Postgres) {
    this.#postgres = postgres
  }

  peerEvents(orgId: string, request: PeerPageRequest): Promise<PeerPage> {
    return peerEvents(this.#postgres.query, orgId, request)
  }

  peerConnections(orgId: string, request: ConnectionsRequest): Promise<readonly PeerConnection[]> {
    return peerConnections(this.#postgres.query, orgId, request, CONNECTION_KEY)
  }

  arrivedPeers(orgId: string, request: ArrivedRequest): Promise<Arrived<PeerEventRow>> {
    return arrivedPeers(this.#postgres.query, orgId, request)
  }

  countArrivedPeers(orgId: string, request: CountRequest): Promise<ArrivedCount> {
    return countArrivedPeers(this.#postgres.query, orgId, request)
  }

  peerEventsOf(orgId: string, subject: Subject): Promise<number> {
    const isOf =
      'userId' in subject
        ? `user_id = ${literal(subject.userId)}`
        : `client_id = ${int(subject.clientId)}`
    return countPeerEvents(this.#postgres.query, orgId, isOf)
  }
}
