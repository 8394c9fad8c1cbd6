/**
 * The binary session record, byte for byte as in native/engine/session_record.h, which draws it. Little endian.
 * The addon reports its compiler's layout, and loading fails if it differs (layout.ts).
 */
import type { FieldsFrom } from '../../session/session-table.js'

export const RECORD_BYTES = 160
export const NO_RTT = 0xffffffff
export const RECORD_FLAGS = { midstream: 1, icmpError: 2 } as const

/** The fields that are 64-bit counts. */
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

/** Byte offset of each field. Must be in the order of the record: layout.ts computes field lengths from it. */
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

/** The fields that the engine measures, with `midstream` as one of the flags. */
type FieldOfRecord =
  | Exclude<keyof FieldsFrom<'engine'>, 'midstream'>
  | 'sequence'
  | 'epoch'
  | 'family'
  | 'flags'
  | 'reserved'
