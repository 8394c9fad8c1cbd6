/** The rows that a destination sends: sessions, or events of peers. The engine and the kinds treat both alike. */
import type {
  Arrived,
  ArrivedCount,
  ArrivedRequest,
  LogRow,
  PeerEventRow,
  Store,
} from '../store/store.js'

export const RECORDS = ['sessions', 'peers'] as const
export type Records = (typeof RECORDS)[number]

/** An event of a peer under the names that the engine reads. */
export interface PeerSent extends PeerEventRow {
  /** The id of the event. */
  readonly sessionId: string
  readonly startTimeUs: number
  readonly endTimeUs: number
}

export type SentRow = LogRow | PeerSent

export function isPeer(row: SentRow): row is PeerSent {
  return 'eventId' in row
}

export function peerSent(row: PeerEventRow): PeerSent {
  const { eventId: sessionId, timeUs } = row
  return { ...row, sessionId, startTimeUs: timeUs, endTimeUs: timeUs }
}

/** Where a destination reads its rows, in order of arrival. */
export interface RowSource {
  lastArrival(orgId?: string): number
  arrived(orgId: string, request: ArrivedRequest): Promise<Arrived<SentRow>>
  countArrived(
    orgId: string,
    request: Omit<ArrivedRequest, 'limit'> & { readonly endedBeforeUs?: number },
  ): Promise<ArrivedCount>
}

type Stores = Pick<Store, 'lastArrival' | 'arrived' | 'countArrived'> &
  Pick<Store, 'arrivedPeers' | 'countArrivedPeers'>

export function sourceOf(store: Stores, records: Records): RowSource {
  if (records === 'sessions') return store
  return {
    lastArrival: (orgId) => store.lastArrival(orgId),
    countArrived: (orgId, request) => store.countArrivedPeers(orgId, request),
    arrived: async (orgId, request) => {
      const { rows, places } = await store.arrivedPeers(orgId, request)
      return { rows: rows.map(peerSent), places }
    },
  }
}
