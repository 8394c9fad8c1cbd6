/**
 * The binary session record, byte for byte as in native/engine/session_record.h (drawn there). Little endian.
 * The addon reports what its compiler saw; loading fails when it differs (layout.ts).
 */
import type { FieldsFrom } from '../../session/session-table.js'

export const RECORD_BYTES = 160
export const NO_RTT = 0xffffffff
export const RECORD_FLAGS = { midstream: 1, icmpError: 2 } as const

/** Counts of 64 bits. */
export const RECORD_COUNTERS = [
  'bytesTx',
  'bytesRx',
  'payloadTx',
  'payloadRx',
  'packetsTx',
  'packetsRx',
  'retransmitsTx',
  'retransmitsRx',
  'retransmittedBytesTx',
  'retransmittedBytesRx',
] as const satisfies (keyof FieldsFrom<'engine'>)[]

/** In the order of the record. */
export const RECORD_OFFSETS = {
  sequence: 0,
  startTimeUs: 8,
  endTimeUs: 16,
  bytesTx: 24,
  bytesRx: 32,
  payloadTx: 40,
  payloadRx: 48,
  packetsTx: 56,
  packetsRx: 64,
  sourceIp: 72,
  destIp: 88,
  sourcePort: 104,
  destPort: 106,
  protocol: 108,
  family: 109,
  endReason: 110,
  connState: 111,
  tcpFlagsTx: 112,
  tcpFlagsRx: 113,
  directionBasis: 114,
  flags: 115,
  handshakeRttUs: 116,
  epoch: 120,
  reserved: 124,
  retransmitsTx: 128,
  retransmitsRx: 136,
  retransmittedBytesTx: 144,
  retransmittedBytesRx: 152,
} as const satisfies Record<FieldOfRecord, number>

/** What the engine measures, `midstream` as one of the flags. */
type FieldOfRecord =
  | Exclude<keyof FieldsFrom<'engine'>, 'midstream'>
  | 'sequence'
  | 'epoch'
  | 'family'
  | 'flags'
  | 'reserved'
