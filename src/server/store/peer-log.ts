/** The log of peers: what meters saw happen to WireGuard peers, and who was connected when, made of that. */
import type { PeerEvent, PeerEventName } from '../../session/peer-event.js'
import type { Subject } from './filter.js'
import type { Cancel } from './session-log.js'

export interface StoredPeerEvent extends PeerEvent {
  readonly meterId: string
  /** Of its content: what a meter tells twice is stored once. */
  readonly eventId: string
}

interface PeerNames {
  readonly siteId: number
  readonly siteName: string | null
  readonly clientName: string | null
  readonly userName: string | null
  readonly userEmail: string | null
}

/** With the names that hold now. */
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

/** Where the page before ended. At one time the events' names are in the order in which they may follow each other. */
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

/** A time in which a peer was connected at one meter. */
export interface PeerConnection extends PeerNames {
  readonly meterId: string
  readonly interface: string
  readonly publicKey: string | null
  readonly clientId: number | null
  readonly userId: string | null
  readonly fromUs: number
  /** It was connected when the meter began to read: since when is not known. */
  readonly already: boolean
  /** Null: no end was told. */
  readonly toUs: number | null
  /** When it was told last that it is connected. */
  readonly toldUs: number
  /** Outer addresses in that time, in order, at most ENDPOINTS_MAX. */
  readonly endpoints: readonly string[]
}
export const ENDPOINTS_MAX = 20
/** A meter tells each day who is connected: one of which it does not is not, whatever became of its end. */
export const TOLD_WITHIN_US = 26 * 3600e6

export interface ConnectionsRequest {
  /** Those that have a part in its range; its events say nothing. */
  readonly filter: PeerFilter
  readonly limit: number
  /** Only those whose end was not told, of the range and TOLD_WITHIN_US before. */
  readonly open?: boolean
}

export interface PeerLog {
  peerEvents(orgId: string, request: PeerPageRequest, cancel?: Cancel): Promise<PeerPage>
  /** Latest begin first. */
  peerConnections(
    orgId: string,
    request: ConnectionsRequest,
    cancel?: Cancel,
  ): Promise<readonly PeerConnection[]>
  /** All of a person's. */
  peerEventsOf(orgId: string, subject: Subject): Promise<number>
}
