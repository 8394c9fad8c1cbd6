/** Sessions and batches for the server's tests, deterministic by their number. */
import type { Batch, MeterReport } from '../../src/session/batch.js'
import type { Session } from '../../src/session/session.js'
import { runPrefix, sessionId } from '../../src/session/session-id.js'
import { aReport } from './sessions.js'

export const RUN = runPrefix(Date.UTC(2026, 10, 20), new Uint8Array([1, 2, 3, 4, 5]))

export function session(sequence: number, change: Partial<Session> = {}): Session {
  const startTimeUs = Date.now() * 1000 - 3600e6 + sequence * 1000
  return {
    sessionId: sessionId(RUN, sequence),
    startTimeUs,
    endTimeUs: startTimeUs + 1_500_000,
    protocol: 'tcp',
    sourceIp: '10.8.0.2',
    sourcePort: 40_000 + (sequence % 20_000),
    destIp: '192.168.10.5',
    destPort: 443,
    bytesTx: 1000 + sequence,
    bytesRx: 5000,
    packetsTx: 10,
    packetsRx: 12,
    payloadTx: 500,
    payloadRx: 4000,
    endReason: 'endOfFlowDetected',
    connState: 'SF',
    tcpFlagsTx: 27,
    tcpFlagsRx: 27,
    handshakeRttUs: 1200,
    directionBasis: 'syn',
    midstream: false,
    retransmitsTx: 0,
    retransmitsRx: 0,
    retransmittedBytesTx: 0,
    retransmittedBytesRx: 0,
    connectionCount: 1,
    peerPublicKey: null,
    clientEndpoint: '203.0.113.7:51820',
    clientId: 1,
    userId: 'u1',
    siteResourceId: 7,
    unattributed: null,
    otherClientId: null,
    otherUserId: null,
    seenTwice: false,
    ...change,
  }
}

export function report(change: Partial<MeterReport> = {}): MeterReport {
  return aReport({
    version: '0.1.0',
    startedAt: '2026-11-20T00:00:00.000Z',
    at: new Date().toISOString(),
    packets: 100,
    bytes: 10_000,
    ...change,
  })
}

export function batch(
  number: number,
  sessions: readonly Session[],
  change: Partial<Batch> = {},
): Batch {
  return { meterId: 'meter-1', batch: number, report: report(), gaps: [], sessions, ...change }
}
