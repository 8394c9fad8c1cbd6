/** Sessions of a plausible organisation: 200 clients, 40 resources, 4 sites, spread evenly over some days. */

import type { StoredSession } from '../../src/server/store/store.ts'
import { runPrefix, sessionId } from '../../src/session/session-id.ts'
import { Random } from './random.ts'

export const LOG_ORG = 'acme'
export const SITES = 4
export const CLIENTS = 200
export const RESOURCES = 40

export interface RowPlan {
  readonly orgId: string
  readonly rows: number
  readonly fromUs: number
  readonly toUs: number
  readonly seed: number
}

/** Skewed to low numbers, like real use. */
function skewed(random: Random, count: number): number {
  return Math.floor(random.unit() ** 2 * count)
}

export function* logRows(plan: RowPlan): Generator<StoredSession> {
  const random = new Random(plan.seed)
  const prefixes = Array.from({ length: SITES }, (_, i) =>
    runPrefix(plan.fromUs / 1e3 + i * 2000, new Uint8Array([plan.seed & 255, i, 0, 0, 1])),
  )
  const sequences = new Array<number>(SITES).fill(0)
  const stepUs = (plan.toUs - plan.fromUs) / plan.rows
  for (let n = 0; n < plan.rows; n++) {
    const site = n % SITES
    const client = skewed(random, CLIENTS)
    const resource = skewed(random, RESOURCES)
    const udp = random.unit() < 0.3
    // Sessions arrive by their ends, so starts are out of order by the length of sessions.
    const startTimeUs = Math.floor(plan.fromUs + (n + random.unit() * 20) * stepUs)
    const headerBytes = udp ? 28 : 52
    const packetsTx = Math.floor(10 ** (random.unit() * 2.5))
    const packetsRx = Math.floor(10 ** (random.unit() * 3))
    const bytesTx = packetsTx * headerBytes + Math.floor(packetsTx * random.unit() * 1348)
    const bytesRx = packetsRx * headerBytes + Math.floor(packetsRx * random.unit() * 1348)
    yield {
      orgId: plan.orgId,
      siteId: site + 1,
      meterId: `meter-${site + 1}`,
      sessionId: sessionId(prefixes[site]!, ++sequences[site]!),
      startTimeUs,
      endTimeUs: startTimeUs + Math.floor(1000 * 10 ** (random.unit() * 4)),
      protocol: udp ? 'udp' : 'tcp',
      sourceIp: `10.8.${client >> 7}.${(client & 127) + 2}`,
      sourcePort: 32_768 + Math.floor(random.unit() * 28_232),
      destIp: `192.168.${resource >> 3}.${(resource & 7) + 10}`,
      destPort: udp ? 53 : [443, 22, 5432, 80][resource & 3]!,
      bytesTx,
      bytesRx,
      packetsTx,
      packetsRx,
      payloadTx: bytesTx - packetsTx * headerBytes,
      payloadRx: bytesRx - packetsRx * headerBytes,
      endReason: udp ? 'idleTimeout' : 'endOfFlowDetected',
      connState: random.unit() < 0.95 ? 'SF' : 'S0',
      tcpFlagsTx: udp ? 0 : 27,
      tcpFlagsRx: udp ? 0 : 27,
      handshakeRttUs: udp ? null : 200 + Math.floor(random.unit() * 30_000),
      directionBasis: udp ? 'peer' : 'syn',
      midstream: false,
      retransmitsTx: 0,
      retransmitsRx: 0,
      retransmittedBytesTx: 0,
      retransmittedBytesRx: 0,
      connectionCount: 1,
      peerPublicKey: `${'A'.repeat(39)}${String(client).padStart(4, '0')}=`,
      clientEndpoint: `203.0.113.${client % 250}:51820`,
      clientId: client + 1,
      userId: `user-${client >> 1}`,
      siteResourceId: resource + 1,
      unattributed: null,
      otherClientId: null,
      otherUserId: null,
      seenTwice: false,
    }
  }
}
