/** The enumerations of session fields, each in the order of its numbers in the engine's record. */

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

/**
 * The rule that decided the initiator, in the order of `DirectionBasis` in
 * native/engine/session_record.h.
 */
export const DIRECTION_BASES = ['syn', 'synAck', 'peer', 'firstPacket'] as const
export type DirectionBasis = (typeof DIRECTION_BASES)[number]

/** The reason why a session has no client. */
export const UNATTRIBUTED_REASONS = [
  'noPeers', // the interface's peers could not be read and no catalog names clients
  'noMatch', // peers are known; none of them has the source (nor the destination)
  'unknownPeer', // a peer has the address; the catalog has no client with that public key
  'historyLost', // only in logs of earlier meters: it started before the oldest state kept
] as const
export type UnattributedReason = (typeof UNATTRIBUTED_REASONS)[number]
