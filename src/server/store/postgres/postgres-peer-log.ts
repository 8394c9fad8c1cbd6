/** The log of peers in PostgreSQL. Batches bring its events (postgres-ledger.ts). */
import { countPeerEvents, peerConnections, peerEvents } from '../peer-queries.js'
import { literal } from '../sql/rows.js'
import { int } from '../sql/sql.js'
import type {
  ConnectionsRequest,
  PeerConnection,
  PeerLog,
  PeerPage,
  PeerPageRequest,
  Subject,
} from '../store.js'
import type { Postgres } from './database.js'

/** 64 bits. Lengths keep texts apart that join alike. */
const CONNECTION_KEY = `hashtextextended(concat_ws('|', site_id, length(meter_id), meter_id, length(interface), interface,
  coalesce(public_key, client_id::TEXT)), 0)`

/** Destinations read events in order of arrival, of which several servers have none yet. */
export class PostgresPeerLog implements Omit<PeerLog, 'arrivedPeers' | 'countArrivedPeers'> {
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

  peerEventsOf(orgId: string, subject: Subject): Promise<number> {
    const isOf =
      'userId' in subject
        ? `user_id = ${literal(subject.userId)}`
        : `client_id = ${int(subject.clientId)}`
    return countPeerEvents(this.#postgres.query, orgId, isOf)
  }
}
