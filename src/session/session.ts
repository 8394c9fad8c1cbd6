/**
 * The session: the one thing the meter half and the server half share.
 *
 * A `FlowRecord` is what the engine measured (native/engine/session_record.h, decoded). A `Session` is a FlowRecord
 * plus who it belongs to; it is what the spool holds, the wire carries and the store keeps. `orgId` and `siteId`
 * are not in it: the server takes them from the key a batch came with, so that no meter can write for another.
 *
 * Several records with one `sessionId` are reports of one session: the one that has ended, else the one with
 * more packets, replaces the others (design.md section 2, interim record).
 */

export const PROTOCOLS = ['tcp', 'udp'] as const
export type Protocol = (typeof PROTOCOLS)[number]

/** IPFIX flowEndReason (RFC 5102, element 136) by its number. `activeTimeout` marks an interim record. */
export const END_REASONS = {
  idleTimeout: 1,
  activeTimeout: 2,
  endOfFlowDetected: 3,
  forcedEnd: 4,
  lackOfResources: 5,
} as const
export type EndReason = keyof typeof END_REASONS
export const END_REASON_NAMES = Object.keys(END_REASONS) as [EndReason, ...EndReason[]]

/** Zeek's conn_state words, in the order of `ConnState` in native/engine/session_record.h. */
export const CONN_STATES = [
  'S0',
  'S1',
  'SF',
  'REJ',
  'S2',
  'S3',
  'RSTO',
  'RSTR',
  'RSTOS0',
  'RSTRH',
  'SH',
  'SHR',
  'OTH',
] as const
export type ConnState = (typeof CONN_STATES)[number]

/** Which rule decided who the initiator is, in the order of `DirectionBasis` in native/engine/session_record.h. */
export const DIRECTION_BASES = ['syn', 'synAck', 'peer', 'firstPacket'] as const
export type DirectionBasis = (typeof DIRECTION_BASES)[number]

/** What the engine measured. Times are microseconds since the Unix epoch (exact up to the year 2255). */
export interface FlowRecord {
  /** Unique in one engine run, in order of opening; shared by all reports of one session. */
  readonly sequence: number
  readonly startTimeUs: number
  /** Of the latest packet seen so far. */
  readonly endTimeUs: number
  readonly protocol: Protocol
  /** Initiator. Canonical text: dotted IPv4, RFC 5952 IPv6 without brackets. */
  readonly sourceIp: string
  readonly sourcePort: number
  readonly destIp: string
  readonly destPort: number
  /** IP octets, headers included (IPFIX octetDeltaCount); Tx is initiator to responder. */
  readonly bytesTx: number
  readonly bytesRx: number
  readonly packetsTx: number
  readonly packetsRx: number
  /** Octets less IP and TCP/UDP headers (IPFIX initiatorOctets, responderOctets). */
  readonly payloadTx: number
  readonly payloadRx: number
  readonly endReason: EndReason
  readonly connState: ConnState
  /** OR of all TCP flags seen (IPFIX tcpControlBits, low octet); 0 for UDP. */
  readonly tcpFlagsTx: number
  readonly tcpFlagsRx: number
  /** SYN to SYN-ACK as seen here; null when unseen. */
  readonly handshakeRttUs: number | null
  readonly directionBasis: DirectionBasis
  readonly midstream: boolean
}

/** Why a session has no client: said rather than left to guess. */
export const UNATTRIBUTED_REASONS = [
  'noPeers', // the interface's peers could not be read and no catalog names clients
  'noMatch', // peers are known; none of them holds the source (nor the destination)
  'unknownPeer', // a peer holds it; the catalog has no client with that public key
  'historyLost', // the session started before the oldest state that is kept
] as const
export type UnattributedReason = (typeof UNATTRIBUTED_REASONS)[number]

/** Who a session belongs to, by the state that held when it started. */
export interface Attribution {
  readonly peerPublicKey: string | null
  /** The peer's outer address when the session started, `ip:port`. */
  readonly clientEndpoint: string | null
  readonly clientId: number | null
  readonly userId: string | null
  readonly siteResourceId: number | null
  /** Null when clientId is known. */
  readonly unattributed: UnattributedReason | null
}

/** As stored, spooled and sent. `sequence` has become part of `sessionId`. */
export interface Session extends Omit<FlowRecord, 'sequence'>, Attribution {
  /** ULID-shaped, unique over all meters and runs; see sessionId(). */
  readonly sessionId: string
  /** 1, or how many bursts `consolidate` merged. */
  readonly connectionCount: number
}

/** Open sessions are interim records: the engine will report them again. */
export function isOpen(session: Pick<Session, 'endReason'>): boolean {
  return session.endReason === 'activeTimeout'
}

/** `ip:port`, IPv6 as `[ip]:port` (RFC 5952 section 6). */
export function formatEndpoint(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}
