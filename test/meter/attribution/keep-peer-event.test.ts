/** What the catalog's rules leave of what happened to a peer. */
import { expect, test } from 'vitest'
import { Attributor } from '../../../src/meter/attribution/attributor.js'
import { keepPeerEvent } from '../../../src/meter/attribution/keep-peer-event.js'
import type { PeerChange } from '../../../src/meter/wireguard/peer-changes.js'
import { catalogSchema } from '../../../src/session/catalog.js'
import type { PeerEvent } from '../../../src/session/peer-event.js'
import { PEER_KEY } from '../../support/peer-events.js'

const CHANGE: PeerChange = {
  event: 'connected',
  atUs: 7e6,
  publicKey: PEER_KEY,
  endpoint: '198.51.100.77:5001',
  endpointBefore: null,
  allowedIps: ['10.8.0.2/32', 'fd00:8::2/128', '10.9.0.0/16'],
  allowedIpsBefore: null,
  handshakeUs: 6e6,
  already: false,
}
const MOVED: PeerChange = {
  ...CHANGE,
  event: 'endpointChanged',
  endpointBefore: '198.51.100.9:5001',
}
const WIDER: PeerChange = {
  ...CHANGE,
  event: 'allowedIpsChanged',
  allowedIpsBefore: ['10.8.0.3/32', 'fd00:8::2/128', '10.9.0.0/16'],
}

function kept(change: PeerChange, client: object, more: object = {}): PeerEvent | null {
  const attributor = new Attributor()
  const named = { clientId: 4, name: 'laptop', userId: 'ada', publicKey: PEER_KEY, ...client }
  attributor.catalogChanged(catalogSchema.parse({ clients: [named], ...more }))
  return keepPeerEvent(change, attributor.ofPeer(change.publicKey, change.allowedIps), 'wg0')
}

test('without rules it is kept as it is, with its client and user', () => {
  expect(kept(CHANGE, {})).toEqual({
    event: 'connected',
    timeUs: 7e6,
    interface: 'wg0',
    publicKey: PEER_KEY,
    clientId: 4,
    userId: 'ada',
    endpoint: '198.51.100.77:5001',
    endpointBefore: null,
    allowedIps: null,
    allowedIpsBefore: null,
    handshakeUs: 6e6,
    already: false,
  })
  expect(kept(WIDER, {})).toMatchObject({
    allowedIps: '10.8.0.2/32 fd00:8::2/128 10.9.0.0/16',
    allowedIpsBefore: '10.8.0.3/32 fd00:8::2/128 10.9.0.0/16',
  })
})

test('a client of the catalog is found by a single address, too; a key of nobody is nobody\u2019s', () => {
  expect(kept(CHANGE, { publicKey: null, addresses: ['10.8.0.2'] })).toMatchObject({ clientId: 4 })
  expect(kept(CHANGE, { publicKey: null, addresses: ['10.9.0.0/16'] })).toMatchObject({
    clientId: null,
    publicKey: PEER_KEY,
  })
})

test.each<[string, PeerChange, object, object?]>([
  ['off', CHANGE, { log: 'off' }],
  ['counts: no time of a single one', CHANGE, { log: 'counts' }],
  ['off by a prefix', CHANGE, {}, { prefixes: [{ prefix: 'fd00:8::/32', name: 'p', log: 'off' }] }],
  [
    'nobody known by a key that is dropped',
    CHANGE,
    { publicKey: null, addresses: [] },
    { prefixes: [{ prefix: '10.8.0.0/24', name: 'p', fields: { publicKey: 'drop' } }] },
  ],
  ['a move without the endpoint', MOVED, { fields: { endpoint: 'drop' } }],
  ['a move within what stays of the endpoint', MOVED, { fields: { endpoint: 'truncate' } }],
  ['other allowed IPs without addresses', WIDER, { fields: { address: 'drop' } }],
  ['other allowed IPs within what stays', WIDER, { fields: { address: 'truncate' } }],
])('nothing is kept: %s', (_, change, client, more) => {
  expect(kept(change, client, more)).toBeNull()
})

test.each<[string, PeerChange, object, Partial<PeerEvent>]>([
  ['endpoint dropped', CHANGE, { endpoint: 'drop' }, { endpoint: null, publicKey: PEER_KEY }],
  ['endpoint made shorter', CHANGE, { endpoint: 'truncate' }, { endpoint: '198.51.100.0:0' }],
  ['key dropped', CHANGE, { publicKey: 'drop' }, { publicKey: null, clientId: 4 }],
  [
    'addresses made shorter, each once',
    {
      ...CHANGE,
      event: 'added',
      allowedIps: ['10.8.0.2/32', '10.8.0.3/32', 'fd00:8::2/128', '10.9.0.0/16'],
    },
    { address: 'truncate' },
    { allowedIps: '10.8.0.0/24 fd00:8::/48 10.9.0.0/16' },
  ],
  ['addresses dropped', { ...CHANGE, event: 'added' }, { address: 'drop' }, { allowedIps: null }],
])('%s', (_, change, fields, want) => {
  expect(kept(change, { fields })).toMatchObject(want)
})
