/**
 * A session as JSON, written as bytes: what JSON.stringify makes of it, in a fraction of the time and without garbage.
 * A meter does this for each of 50,000 sessions a second.
 */
import { asciiBytes, type ByteWriter } from '../../base/byte-writer.js'
import type { Session } from '../../session/session.js'

type Value = string | number | boolean | null
type Read = (s: Session) => Value

/**
 * All fields: one that is missing does not compile. Each is read by a function of its own, since a property whose name
 * is in a variable is several times as slow to find.
 */
const READS: { readonly [name in keyof Session]-?: Read } = {
  sessionId: (s) => s.sessionId,
  startTimeUs: (s) => s.startTimeUs,
  endTimeUs: (s) => s.endTimeUs,
  protocol: (s) => s.protocol,
  sourceIp: (s) => s.sourceIp,
  sourcePort: (s) => s.sourcePort,
  destIp: (s) => s.destIp,
  destPort: (s) => s.destPort,
  bytesTx: (s) => s.bytesTx,
  bytesRx: (s) => s.bytesRx,
  packetsTx: (s) => s.packetsTx,
  packetsRx: (s) => s.packetsRx,
  payloadTx: (s) => s.payloadTx,
  payloadRx: (s) => s.payloadRx,
  endReason: (s) => s.endReason,
  connState: (s) => s.connState,
  tcpFlagsTx: (s) => s.tcpFlagsTx,
  tcpFlagsRx: (s) => s.tcpFlagsRx,
  handshakeRttUs: (s) => s.handshakeRttUs,
  directionBasis: (s) => s.directionBasis,
  midstream: (s) => s.midstream,
  peerPublicKey: (s) => s.peerPublicKey,
  clientEndpoint: (s) => s.clientEndpoint,
  clientId: (s) => s.clientId,
  userId: (s) => s.userId,
  siteResourceId: (s) => s.siteResourceId,
  unattributed: (s) => s.unattributed,
  connectionCount: (s) => s.connectionCount,
}

const FIELDS = Object.entries<Read>(READS).map(([name, read], i) => ({
  key: asciiBytes(`${i === 0 ? '{' : ','}"${name}":`),
  read,
}))
const NULL = asciiBytes('null')
const TRUE = asciiBytes('true')
const FALSE = asciiBytes('false')
const END = asciiBytes('}')

export function writeSession(out: ByteWriter, session: Session): void {
  for (let i = 0; i < FIELDS.length; i++) {
    const { key, read } = FIELDS[i]!
    out.bytes(key)
    const value = read(session)
    if (typeof value === 'number') out.number(value)
    else if (typeof value === 'string') out.quoted(value)
    else out.bytes(value === null ? NULL : value ? TRUE : FALSE)
  }
  out.bytes(END)
}
