/** An attributor with three peers and a catalog that names two of them. */
import { Attributor } from '../../src/meter/attribution/attributor.js'
import type { WireGuardPeer } from '../../src/meter/wireguard/device.js'
import { type Catalog, catalogSchema } from '../../src/session/catalog.js'
import type { FlowRecord } from '../../src/session/session.js'
import { aFlowRecord } from './sessions.js'

export const key = (letter: string) => `${letter.repeat(42)}A=`
export const [ANNA, RAVI, LYON] = [key('A'), key('R'), key('L')]

export function peer(
  publicKey: string,
  allowedIps: string[],
  endpoint: string | null = '198.51.100.9:1000',
): WireGuardPeer {
  return { publicKey, endpoint, allowedIps, lastHandshakeSeconds: null, rxBytes: 0, txBytes: 0 }
}
export const snapshot = (...peers: WireGuardPeer[]) => ({
  device: {
    interfaceName: 'wg0',
    kind: 'kernel',
    publicKey: null,
    listenPort: null,
    peers,
  } as const,
})

export const catalog: Catalog = catalogSchema.parse({
  users: [{ userId: 'anna', name: 'Anna' }],
  clients: [
    { clientId: 1, name: 'laptop', userId: 'anna', publicKey: ANNA },
    { clientId: 2, name: 'workstation', publicKey: RAVI },
    { clientId: 3, name: 'old router', addresses: ['100.90.7.0/24'] },
  ],
  resources: [
    { siteResourceId: 10, name: 'wiki', destination: '10.20.0.10', protocol: 'tcp', ports: [80] },
  ],
})

export const record = (
  sourceIp: string,
  destIp: string,
  epoch = 0,
  more: Partial<FlowRecord> = {},
): FlowRecord => aFlowRecord({ sourceIp, destIp, epoch, ...more })

/** The peers are read again: what opens from then on belongs to the epoch that this returns. */
export function reads(attributor: Attributor, ...peers: WireGuardPeer[]): number {
  const epoch = attributor.beginReading()
  attributor.peersChanged(snapshot(...peers))
  return epoch
}

export function withPeers(): Attributor {
  const attributor = new Attributor()
  attributor.catalogChanged(catalog)
  attributor.peersChanged(
    snapshot(
      peer(ANNA, ['100.90.128.11/32', 'fd90::11/128'], '198.51.100.11:5001'),
      peer(RAVI, ['100.90.128.12/32'], '[2001:db8::12]:5002'),
      peer(LYON, ['10.44.0.0/24', '100.90.128.31/32']),
    ),
  )
  return attributor
}
