/** An event of a peer for tests. */
import type { PeerEvent } from '../../src/session/peer-event.js'

export const PEER_KEY = `${'A'.repeat(42)}A=`

export function aPeerEvent(change: Partial<PeerEvent> = {}): PeerEvent {
  return {
    event: 'connected',
    timeUs: Date.UTC(2026, 10, 22, 11) * 1e3,
    interface: 'wg0',
    publicKey: PEER_KEY,
    clientId: 1,
    userId: 'u1',
    endpoint: '203.0.113.7:51820',
    endpointBefore: null,
    allowedIps: null,
    allowedIpsBefore: null,
    handshakeUs: Date.UTC(2026, 10, 22, 11) * 1e3,
    already: false,
    ...change,
  }
}
