/**
 * The binary session record, byte for byte as in native/engine/session_record.h (drawn there). Little endian.
 * The addon reports the offsets that its compiler saw; loading fails when one differs from these.
 */
export const RECORD_BYTES = 128
export const NO_RTT = 0xffffffff
export const RECORD_FLAGS = { midstream: 1, icmpError: 2 } as const

export const RECORD_OFFSETS = {
  sequence: 0,
  firstUs: 8,
  lastUs: 16,
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
  reserved: 120,
} as const
