import { describe, expect, test } from 'vitest'
import { Attributor, isUncertain } from '../../../src/meter/attribution/attributor.js'
import type { WireGuardPeer } from '../../../src/meter/wireguard/device.js'
import { type Catalog, catalogSchema } from '../../../src/session/catalog.js'
import type { FlowRecord } from '../../../src/session/session.js'
import { aFlowRecord } from '../../support/sessions.js'

const key = (letter: string) => `${letter.repeat(42)}A=`
const [ANNA, RAVI, LYON] = [key('A'), key('R'), key('L')]

function peer(
  publicKey: string,
  allowedIps: string[],
  endpoint: string | null = '198.51.100.9:1000',
): WireGuardPeer {
  return { publicKey, endpoint, allowedIps, lastHandshakeSeconds: null, rxBytes: 0, txBytes: 0 }
}
const snapshot = (...peers: WireGuardPeer[]) => ({
  device: {
    interfaceName: 'wg0',
    kind: 'kernel',
    publicKey: null,
    listenPort: null,
    peers,
  } as const,
})

const catalog: Catalog = catalogSchema.parse({
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

const record = (
  sourceIp: string,
  destIp: string,
  startTimeUs = 0,
  more: Partial<FlowRecord> = {},
): FlowRecord => aFlowRecord({ sourceIp, destIp, startTimeUs, ...more })

function withPeers(): Attributor {
  const attributor = new Attributor()
  attributor.catalogChanged(catalog, 0)
  attributor.peersChanged(
    snapshot(
      peer(ANNA, ['100.90.128.11/32', 'fd90::11/128'], '198.51.100.11:5001'),
      peer(RAVI, ['100.90.128.12/32'], '[2001:db8::12]:5002'),
      peer(LYON, ['10.44.0.0/24', '100.90.128.31/32']),
    ),
    1_000_000,
  )
  return attributor
}

describe('who', () => {
  for (const [name, source, dest, want] of [
    [
      'a client reaches a resource',
      '100.90.128.11',
      '10.20.0.10',
      {
        peerPublicKey: ANNA,
        clientEndpoint: '198.51.100.11:5001',
        clientId: 1,
        userId: 'anna',
        siteResourceId: 10,
        unattributed: null,
      },
    ],
    [
      'over IPv6',
      'fd90::11',
      'fd20::10',
      {
        peerPublicKey: ANNA,
        clientEndpoint: '198.51.100.11:5001',
        clientId: 1,
        userId: 'anna',
        siteResourceId: null,
        unattributed: null,
      },
    ],
    [
      'a client without a user',
      '100.90.128.12',
      '10.20.0.10',
      {
        peerPublicKey: RAVI,
        clientEndpoint: '[2001:db8::12]:5002',
        clientId: 2,
        userId: null,
        siteResourceId: 10,
        unattributed: null,
      },
    ],
    [
      'hub and spoke: the client is the initiator',
      '100.90.128.12',
      '100.90.128.11',
      {
        peerPublicKey: RAVI,
        clientEndpoint: '[2001:db8::12]:5002',
        clientId: 2,
        userId: null,
        siteResourceId: null,
        unattributed: null,
      },
    ],
    [
      'the resource opens: the client is the destination',
      '10.20.0.30',
      '100.90.128.11',
      {
        peerPublicKey: ANNA,
        clientEndpoint: '198.51.100.11:5001',
        clientId: 1,
        userId: 'anna',
        siteResourceId: null,
        unattributed: null,
      },
    ],
    [
      'site to site: a peer with a subnet that the catalog does not know',
      '10.44.0.99',
      '10.20.0.10',
      {
        peerPublicKey: LYON,
        clientEndpoint: '198.51.100.9:1000',
        clientId: null,
        userId: null,
        siteResourceId: 10,
        unattributed: 'unknownPeer',
      },
    ],
    [
      "by the catalog's addresses, where no peer holds them",
      '100.90.7.5',
      '10.20.0.10',
      {
        peerPublicKey: null,
        clientEndpoint: null,
        clientId: 3,
        userId: null,
        siteResourceId: 10,
        unattributed: null,
      },
    ],
    [
      'nobody',
      '192.0.2.1',
      '10.20.0.10',
      {
        peerPublicKey: null,
        clientEndpoint: null,
        clientId: null,
        userId: null,
        siteResourceId: 10,
        unattributed: 'noMatch',
      },
    ],
  ] as const)
    test(name, () => {
      const attributor = withPeers()
      expect(attributor.attribute(record(source, dest))).toEqual(want)
      // The second time it comes out of the caches.
      expect(attributor.attribute(record(source, dest))).toEqual(want)
    })

  test('without peers and without clients in the catalog there is a reason of its own', () => {
    expect(new Attributor().attribute(record('1.1.1.1', '2.2.2.2')).unattributed).toBe('noPeers')
  })

  test('a peer with /0 holds what no other peer holds', () => {
    const attributor = new Attributor()
    attributor.peersChanged(
      snapshot(peer(ANNA, ['0.0.0.0/0', '::/0']), peer(RAVI, ['10.1.0.0/16'])),
      0,
    )
    const of = (ip: string) => attributor.attribute(record(ip, '203.0.113.1')).peerPublicKey
    expect([of('10.1.2.3'), of('10.2.2.3'), of('fd00::1')]).toEqual([RAVI, ANNA, ANNA])
  })

  test("inside prefixes: allowed IPs and the catalog's client addresses", () => {
    expect(withPeers().insidePrefixes()).toEqual([
      '100.90.128.11/32',
      'fd90::11/128',
      '100.90.128.12/32',
      '10.44.0.0/24',
      '100.90.128.31/32',
      '100.90.7.0/24',
    ])
  })
})

describe('when: the state at the start of the session decides', () => {
  const of = (attributor: Attributor, ip: string, startTimeUs: number) =>
    attributor.attribute(record(ip, '10.20.0.10', startTimeUs))

  test('an allowed IP that moved between peers', () => {
    const attributor = withPeers()
    // An answer from before does not outlive the change.
    expect(of(attributor, '100.90.128.11', 6_000_000).peerPublicKey).toBe(ANNA)
    expect(attributor.peersChanged(snapshot(peer(RAVI, ['100.90.128.11/32'])), 5_000_000)).toBe(
      true,
    )
    expect(of(attributor, '100.90.128.11', 4_999_999).peerPublicKey).toBe(ANNA)
    expect(of(attributor, '100.90.128.11', 5_000_000).peerPublicKey).toBe(RAVI)
    expect(attributor.counters()).toMatchObject({
      peers: 1,
      peersAdded: 3,
      peersRemoved: 2,
      states: 2,
    })
  })

  test('the same peers again change nothing', () => {
    const attributor = withPeers()
    const same = snapshot(
      peer(LYON, ['100.90.128.31/32', '10.44.0.0/24']),
      peer(RAVI, ['100.90.128.12/32'], '[2001:db8::12]:5002'),
      peer(ANNA, ['fd90::11/128', '100.90.128.11/32'], '198.51.100.11:5001'),
    )
    expect(attributor.peersChanged(same, 2_000_000)).toBe(false)
    expect(attributor.counters()).toMatchObject({ states: 1, endpointChanges: 0 })
  })

  test('a client that roams: the endpoint at the start, and the change is counted', () => {
    const attributor = withPeers()
    const moved = [
      peer(ANNA, ['100.90.128.11/32', 'fd90::11/128'], '203.0.113.77:9'),
      peer(RAVI, ['100.90.128.12/32'], '[2001:db8::12]:5002'),
      peer(LYON, ['10.44.0.0/24', '100.90.128.31/32']),
    ]
    expect(attributor.peersChanged(snapshot(...moved), 9_000_000)).toBe(false)
    expect(of(attributor, '100.90.128.11', 8_999_999).clientEndpoint).toBe('198.51.100.11:5001')
    expect(of(attributor, '100.90.128.11', 9_000_000).clientEndpoint).toBe('203.0.113.77:9')
    expect(attributor.counters().endpointChanges).toBe(1)
  })

  test('a peer that came between two samples owns what it sent before the second', () => {
    const attributor = withPeers()
    const before = snapshot(peer(ANNA, ['100.90.128.11/32']))
    const after = snapshot(peer(ANNA, ['100.90.128.11/32']), peer(RAVI, ['100.90.128.50/32']))
    attributor.peersChanged(before, 10_000_000)
    attributor.peersChanged(before, 15_000_000)
    expect(of(attributor, '100.90.128.50', 16_000_000).unattributed).toBe('noMatch')
    attributor.peersChanged(after, 20_000_000)
    expect(of(attributor, '100.90.128.50', 16_000_000).peerPublicKey).toBe(RAVI)
    // At 15 s it was seen not to be there: what started before is not its.
    expect(of(attributor, '100.90.128.50', 14_999_999).peerPublicKey).toBeNull()
  })

  test('a peer that has just shaken hands for the first time: its endpoint comes with the next reading', () => {
    const attributor = new Attributor()
    attributor.catalogChanged(catalog, 0)
    attributor.peersChanged(snapshot(peer(ANNA, ['100.90.128.11/32'], null)), 1_000_000)
    const one = record('100.90.128.11', '10.20.0.10', 2_000_000)
    const before = attributor.attribute(one)
    expect([before.clientId, before.clientEndpoint, isUncertain(before)]).toEqual([1, null, true])
    attributor.peersChanged(
      snapshot(peer(ANNA, ['100.90.128.11/32'], '198.51.100.11:5')),
      3_000_000,
    )
    const again = attributor.attributeAgain(one, before)
    expect([again.clientEndpoint, isUncertain(again)]).toEqual(['198.51.100.11:5', false])
    expect(attributor.counters()).toMatchObject({ attributed: 1, endpointChanges: 0 })
  })

  test('the catalog of the time', () => {
    const attributor = withPeers()
    expect(of(attributor, '100.90.128.11', 8_000_000).siteResourceId).toBe(10)
    attributor.catalogChanged(
      { ...catalog, resources: [{ ...catalog.resources[0]!, siteResourceId: 99 }] },
      7_000_000,
    )
    expect(of(attributor, '100.90.128.11', 6_999_999).siteResourceId).toBe(10)
    expect(of(attributor, '100.90.128.11', 7_000_000).siteResourceId).toBe(99)
  })

  test('the history is bounded: what is before it is said to be lost', () => {
    const attributor = new Attributor({ historyMax: 2 })
    attributor.catalogChanged(catalog, 0)
    for (let i = 1; i <= 3; i++)
      attributor.peersChanged(snapshot(peer(ANNA, [`100.90.128.${i}/32`])), i * 1_000_000)
    expect(of(attributor, '100.90.128.1', 1_500_000).unattributed).toBe('historyLost')
    expect(of(attributor, '100.90.128.2', 2_500_000).clientId).toBe(1)
    expect(attributor.counters()).toMatchObject({
      statesDropped: 1,
      unattributed: { historyLost: 1 },
      attributed: 1,
    })
  })

  test('a session keeps what its interim records were given, though the history has gone', () => {
    const attributor = new Attributor({ historyMax: 1 })
    attributor.catalogChanged(catalog, 0)
    attributor.peersChanged(snapshot(peer(ANNA, ['100.90.128.1/32'])), 1_000_000)
    const interim = record('100.90.128.1', '10.20.0.10', 1_500_000, { endReason: 'activeTimeout' })
    const given = attributor.attribute(interim)
    expect(given.clientId).toBe(1)
    attributor.peersChanged(snapshot(peer(RAVI, ['100.90.128.1/32'])), 2_000_000)
    const final: FlowRecord = { ...interim, endReason: 'idleTimeout' }
    expect(attributor.attribute(final)).toEqual(given)
    // Given once; another session with that start has no such memory.
    expect(attributor.attribute(final).unattributed).toBe('historyLost')
  })

  test('peers that come and go for ever do not grow the memory', () => {
    const attributor = new Attributor({ historyMax: 4 })
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
    for (let i = 0; i < 3000; i++) {
      const name = `${letters[i % 52]}${letters[Math.floor(i / 52) % 52]}${letters[Math.floor(i / 2704)]}`
      attributor.peersChanged(snapshot(peer(`${name.padEnd(42, 'x')}A=`, ['10.0.0.1/32'])), i)
    }
    expect(attributor.identityCount).toBeLessThanOrEqual(1024)
  })
})

describe('which resource', () => {
  const resources = (rows: object[], siteId?: number) => {
    const attributor = new Attributor(siteId === undefined ? {} : { siteId })
    attributor.catalogChanged(
      catalogSchema.parse({
        resources: rows.map((row, i) => ({ siteResourceId: i + 1, name: 'x', ...row })),
      }),
      0,
    )
    return (destIp: string, destPort: number, protocol: 'tcp' | 'udp' = 'tcp') =>
      attributor.attribute(record('1.1.1.1', destIp, 0, { destPort, protocol })).siteResourceId
  }

  test('the longest prefix, unless its ports or protocol do not fit', () => {
    const of = resources([
      { destination: '10.0.0.0/8' },
      { destination: '10.1.0.0/16', protocol: 'udp' },
      { destination: '10.1.1.1', ports: [443, '8000-8100'] },
    ])
    expect([
      of('10.1.1.1', 443),
      of('10.1.1.1', 8100),
      of('10.1.1.1', 8101),
      of('10.1.1.1', 53, 'udp'),
      of('11.0.0.1', 1),
    ]).toEqual([3, 3, 1, 2, null])
  })

  test('then a given protocol, then the narrowest range, then the lowest id', () => {
    const of = resources([
      { destination: '10.0.0.1', ports: [80] },
      { destination: '10.0.0.1', protocol: 'tcp' },
      { destination: '10.0.0.1', protocol: 'tcp', ports: ['80-90'] },
      { destination: '10.0.0.1', protocol: 'tcp', ports: ['85-90'] },
      { destination: '10.0.0.1', protocol: 'tcp', ports: ['85-90'] },
    ])
    expect([
      of('10.0.0.1', 80),
      of('10.0.0.1', 86),
      of('10.0.0.1', 22),
      of('10.0.0.1', 80, 'udp'),
    ]).toEqual([3, 4, 2, 1])
  })

  test('resources of other sites are left out when the site is known', () => {
    const rows = [
      { destination: '10.0.0.1', siteId: 1 },
      { destination: '10.0.0.0/8', siteId: 2 },
      { destination: '0.0.0.0/0' },
    ]
    expect([
      resources(rows)('10.0.0.1', 1),
      resources(rows, 2)('10.0.0.1', 1),
      resources(rows, 3)('10.0.0.1', 1),
    ]).toEqual([1, 2, 3])
  })
})
