/** Sessions for tests: one that is plausible in every field, changed by what a test cares about. */
import type { MeterReport } from '../../src/session/batch.js'
import type { SessionRow } from '../../src/session/fields.js'
import type { FlowRecord, Session } from '../../src/session/session.js'

let sequence = 0

/** What the engine hands over, each of another session: empty but for what the test cares about. */
export function aFlowRecord(change: Partial<FlowRecord> = {}): FlowRecord {
  const startTimeUs = change.startTimeUs ?? 0
  return {
    sequence: ++sequence,
    epoch: 0,
    startTimeUs,
    endTimeUs: startTimeUs,
    protocol: 'tcp',
    sourceIp: '10.8.0.2',
    sourcePort: 40_000,
    destIp: '192.168.7.10',
    destPort: 80,
    bytesTx: 0,
    bytesRx: 0,
    packetsTx: 0,
    packetsRx: 0,
    payloadTx: 0,
    payloadRx: 0,
    endReason: 'endOfFlowDetected',
    connState: 'SF',
    tcpFlagsTx: 0,
    tcpFlagsRx: 0,
    handshakeRttUs: null,
    directionBasis: 'syn',
    midstream: false,
    retransmitsTx: 0,
    retransmitsRx: 0,
    retransmittedBytesTx: 0,
    retransmittedBytesRx: 0,
    ...change,
  }
}

export function aSession(change: Partial<Session> = {}): Session {
  return {
    sessionId: '01ARYZ6S410000000Z00000011',
    startTimeUs: 1_700_000_000_250_000,
    endTimeUs: 1_700_000_002_750_499,
    protocol: 'tcp',
    sourceIp: '10.8.0.2',
    sourcePort: 50_000,
    destIp: '192.168.7.10',
    destPort: 443,
    bytesTx: 1_234,
    bytesRx: 56_789,
    packetsTx: 12,
    packetsRx: 48,
    payloadTx: 610,
    payloadRx: 54_293,
    endReason: 'endOfFlowDetected',
    connState: 'SF',
    tcpFlagsTx: 0x1b,
    tcpFlagsRx: 0x1b,
    handshakeRttUs: 4_321,
    directionBasis: 'syn',
    midstream: false,
    retransmitsTx: 0,
    retransmitsRx: 0,
    retransmittedBytesTx: 0,
    retransmittedBytesRx: 0,
    peerPublicKey: null,
    clientEndpoint: null,
    clientId: null,
    userId: null,
    siteResourceId: null,
    unattributed: 'noPeers',
    otherClientId: null,
    otherUserId: null,
    seenTwice: false,
    connectionCount: 1,
    ...change,
  }
}

export function aRow(change: Partial<SessionRow> = {}): SessionRow {
  return {
    ...aSession(),
    orgId: null,
    siteId: null,
    meterId: null,
    clientName: null,
    userName: null,
    resourceName: null,
    siteName: null,
    otherClientName: null,
    ...change,
  }
}

/** What a meter says of itself: that it has seen nothing yet, but for what the test cares about. */
export function aReport(change: Partial<MeterReport> = {}): MeterReport {
  return {
    version: '0.0.0',
    interface: 'wg0',
    startedAt: '2026-01-01T00:00:00.000Z',
    at: '2026-01-01T00:00:01.000Z',
    packets: 0,
    bytes: 0,
    other: {},
    openSessions: 0,
    packetsDropped: 0,
    sessionsDropped: {},
    spool: { batches: 0, bytes: 0, quarantined: 0 },
    ...change,
  }
}
