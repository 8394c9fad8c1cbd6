/** FlowRecord + Attribution -> Session. */

import type { Attribution, FlowRecord, Session } from './session.js'
import { sessionId } from './session-id.js'

export const UNATTRIBUTED: Attribution = {
  peerPublicKey: null,
  clientEndpoint: null,
  clientId: null,
  userId: null,
  siteResourceId: null,
  unattributed: 'noPeers',
}

/** @param shiftUs added to both times (replay with its clock moved). */
export function makeSession(
  record: FlowRecord,
  who: Attribution,
  runPrefix: string,
  shiftUs = 0,
): Session {
  return {
    sessionId: sessionId(runPrefix, record.sequence),
    startTimeUs: record.startTimeUs + shiftUs,
    endTimeUs: record.endTimeUs + shiftUs,
    protocol: record.protocol,
    sourceIp: record.sourceIp,
    sourcePort: record.sourcePort,
    destIp: record.destIp,
    destPort: record.destPort,
    bytesTx: record.bytesTx,
    bytesRx: record.bytesRx,
    packetsTx: record.packetsTx,
    packetsRx: record.packetsRx,
    payloadTx: record.payloadTx,
    payloadRx: record.payloadRx,
    endReason: record.endReason,
    connState: record.connState,
    tcpFlagsTx: record.tcpFlagsTx,
    tcpFlagsRx: record.tcpFlagsRx,
    handshakeRttUs: record.handshakeRttUs,
    directionBasis: record.directionBasis,
    midstream: record.midstream,
    peerPublicKey: who.peerPublicKey,
    clientEndpoint: who.clientEndpoint,
    clientId: who.clientId,
    userId: who.userId,
    siteResourceId: who.siteResourceId,
    unattributed: who.unattributed,
    connectionCount: 1,
  }
}
