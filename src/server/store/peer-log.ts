/** The log of peers: events of WireGuard peers that meters saw, and the connections derived from them. */
import type { PeerEvent, PeerEventName } from '../../session/peer-event.js'
import type { Subject } from './filter.js'
import type { Arrived, ArrivedCount, ArrivedRequest, Cancel } from './session-log.js'

export interface StoredPeerEvent extends PeerEvent {
  readonly meterId: string
  /** A hash of the content, so that a repeated event is stored once. */
  readonly eventId: string
}

interface PeerNames {
  readonly siteId: number
  readonly siteName: string | null
  readonly clientName: string | null
  readonly userName: string | null
  readonly userEmail: string | null
}

/** An event with the current names from the catalog. */
export interface PeerEventRow extends StoredPeerEvent, PeerNames {}

/** Lists mean "any of"; absent means no restriction. Times as [fromUs, toUs). */
export interface PeerFilter {
  readonly fromUs: number
  readonly toUs: number
  readonly clientIds?: readonly (number | null)[]
  readonly userIds?: readonly (string | null)[]
  readonly siteIds?: readonly number[]
  readonly publicKeys?: readonly string[]
  readonly events?: readonly PeerEventName[]
}

/**
 * The end of the previous page. Events at the same time are sorted by name. The names are chosen so that this is the
 * order in which such events can follow each other.
 */
export interface PeerPosition {
  readonly timeUs: number
  readonly event: PeerEventName
  readonly eventId: string
}

export interface PeerPageRequest {
  readonly filter: PeerFilter
  readonly limit: number
  readonly after?: PeerPosition | undefined
}

export interface PeerPage {
  /** Newest first. */
  readonly rows: readonly PeerEventRow[]
  readonly next: PeerPosition | null
}

/** A span of time in which a peer was connected at one meter. */
export interface PeerConnection extends PeerNames {
  readonly meterId: string
  readonly interface: string
  readonly publicKey: string | null
  readonly clientId: number | null
  readonly userId: string | null
  readonly fromUs: number
  /** True if the peer was already connected when the meter started. The begin is then unknown. */
  readonly already: boolean
  /** Null: no end was reported. */
  readonly toUs: number | null
  /** The last report that the peer is connected. */
  readonly toldUs: number
  /** The peer's outer addresses in order; at most the last ENDPOINTS_MAX (20). */
  readonly endpoints: readonly string[]
}
export const ENDPOINTS_MAX = 20
/**
 * A meter reports each day which peers are connected. A peer without such a report is not, even if its end was lost.
 */
export const TOLD_WITHIN_US = 26 * 3600e6

export interface ConnectionsRequest {
  /** Selects connections that overlap the range. Its `events` are ignored. */
  readonly filter: PeerFilter
  readonly limit: number
  /** Only connections without a reported end, from the range and TOLD_WITHIN_US before it. */
  readonly open?: boolean
  /** Only connections at one of these meters that were reported after this. */
  readonly heard?: {
    readonly meters: readonly Pick<PeerConnection, 'siteId' | 'meterId'>[]
    readonly toldAfterUs: number
  }
}

export interface PeerLog {
  peerEvents(orgId: string, request: PeerPageRequest, cancel?: Cancel): Promise<PeerPage>
  /** Sorted by begin, latest first. */
  peerConnections(
    orgId: string,
    request: ConnectionsRequest,
    cancel?: Cancel,
  ): Promise<readonly PeerConnection[]>
  /**
   * Events in order of arrival, as SessionLog.arrived() has sessions: by the numbers of the same commits, and by site
   * and id within one. A place has the event's id as its run. Of the filter, the times and `sessionIds` (ids of events)
   * count.
   */
  arrivedPeers(orgId: string, request: ArrivedRequest): Promise<Arrived<PeerEventRow>>
  countArrivedPeers(
    orgId: string,
    request: Omit<ArrivedRequest, 'limit'> & { readonly endedBeforeUs?: number },
  ): Promise<ArrivedCount>
  /** The number of all events of a person. */
  peerEventsOf(orgId: string, subject: Subject): Promise<number>
}
