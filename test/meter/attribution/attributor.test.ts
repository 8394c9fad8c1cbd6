import { describe, expect, test } from 'vitest'
import { Attributor } from '../../../src/meter/attribution/attributor.js'
import { catalogSchema } from '../../../src/session/catalog.js'
import {
  ANNA,
  catalog,
  LYON,
  peer,
  RAVI,
  record,
  snapshot,
  withPeers,
} from '../../support/attributor-lab.js'

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
        otherClientId: 1,
        otherUserId: 'anna',
        seenTwice: true,
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
      const one = { otherClientId: null, otherUserId: null, seenTwice: false }
      expect(attributor.attribute(record(source, dest))).toEqual({ ...one, ...want })
    })

  test('without peers and without clients in the catalog there is a reason of its own', () => {
    expect(new Attributor().attribute(record('1.1.1.1', '2.2.2.2')).unattributed).toBe('noPeers')
  })

  test('a peer with /0 holds what no other peer holds', () => {
    const attributor = new Attributor()
    attributor.peersChanged(
      snapshot(peer(ANNA, ['0.0.0.0/0', '::/0']), peer(RAVI, ['10.1.0.0/16'])),
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

describe('client to client', () => {
  const ends = (attributor: Attributor, source: string, dest: string, ports: object = {}) => {
    const given = attributor.attribute(record(source, dest, 0, ports))
    const { peerPublicKey, clientId, otherClientId, siteResourceId, seenTwice } = given
    return [peerPublicKey, clientId, otherClientId, siteResourceId, seenTwice]
  }

  test('whoever opened it', () => {
    const attributor = withPeers()
    expect(ends(attributor, '100.90.128.11', '100.90.128.12')).toEqual([ANNA, 1, 2, null, true])
    expect(ends(attributor, '100.90.128.12', '100.90.128.11')).toEqual([RAVI, 2, 1, null, true])
  })

  test('an unknown peer that opens it stays unknown; the client that it reaches is the other', () => {
    const attributor = withPeers()
    expect(ends(attributor, '100.90.128.31', '100.90.128.12')).toEqual([LYON, null, 2, null, true])
    expect(ends(attributor, '100.90.128.12', '100.90.128.31')).toEqual([RAVI, 2, null, null, true])
  })

  test('two hosts of one peer are one client, which is not known to pass twice', () => {
    expect(ends(withPeers(), '10.44.0.7', '10.44.0.8')).toEqual([LYON, null, null, null, false])
  })

  test('by addresses of the catalog: both are named, and nobody knows whether it passes twice', () => {
    const attributor = withPeers()
    expect(ends(attributor, '100.90.7.5', '100.90.128.12')).toEqual([RAVI, 2, 3, null, null])
    expect(ends(attributor, '100.90.128.12', '100.90.7.5')).toEqual([RAVI, 2, 3, null, null])
    expect(ends(attributor, '100.90.7.5', '100.90.7.6')).toEqual([null, 3, null, null, false])
  })

  test('a /0 reaches nobody for certain', () => {
    const attributor = new Attributor()
    attributor.catalogChanged(catalog)
    attributor.peersChanged(snapshot(peer(ANNA, ['0.0.0.0/0']), peer(RAVI, ['10.9.0.2/32'])))
    expect(ends(attributor, '10.9.0.2', '10.20.0.10')).toEqual([RAVI, 2, null, 10, null])
    expect(ends(attributor, '203.0.113.1', '10.9.0.2')).toEqual([ANNA, 1, 2, null, null])
  })

  test('a resource behind a client is named whoever opened the session, by its port', () => {
    const behind = {
      siteResourceId: 11,
      name: 'files in Lyon',
      destination: '10.44.0.9',
      protocol: 'tcp' as const,
      ports: [21],
    }
    const attributor = withPeers()
    attributor.catalogChanged({ ...catalog, resources: [behind] })
    const epoch = attributor.epoch
    const resource = (source: string, dest: string, sourcePort: number, destPort: number) =>
      attributor.attribute(record(source, dest, epoch, { sourcePort, destPort })).siteResourceId
    expect(resource('100.90.128.12', '10.44.0.9', 50_000, 21)).toBe(11)
    expect(resource('10.44.0.9', '100.90.128.12', 20, 50_000)).toBe(11)
    expect(resource('10.44.0.9', '100.90.128.12', 50_001, 22)).toBeNull()
  })
})

describe('a session that a resource opened is on that resource', () => {
  const opened = (sourceIp: string, sourcePort: number, destIp: string) => {
    const attributor = new Attributor()
    attributor.catalogChanged(
      catalogSchema.parse({
        clients: [
          { clientId: 1, name: 'laptop', publicKey: ANNA },
          { clientId: 3, name: 'old router', addresses: ['100.90.7.0/24'] },
        ],
        resources: [
          {
            siteResourceId: 10,
            name: 'ftp',
            destination: '10.20.0.21',
            protocol: 'tcp',
            ports: [21],
          },
          {
            siteResourceId: 11,
            name: 'ssh',
            destination: '10.20.0.21',
            protocol: 'tcp',
            ports: [22],
          },
          { siteResourceId: 12, name: 'push', destination: '10.20.0.30', ports: [443] },
        ],
      }),
    )
    attributor.peersChanged(snapshot(peer(ANNA, ['100.90.128.11/32'])))
    return attributor.attribute(record(sourceIp, destIp, 0, { sourcePort, destPort: 40_000 }))
  }

  test.each([
    ['active FTP', '10.20.0.21', 20, '100.90.128.11', 1, 10],
    ['a connection that was joined late', '10.20.0.21', 22, '100.90.128.11', 1, 11],
    ['a push from any port', '10.20.0.30', 51_000, '100.90.128.11', 1, 12],
    ['to a client by its address', '10.20.0.30', 51_000, '100.90.7.5', 3, 12],
    ['from any port of one that has several', '10.20.0.21', 51_000, '100.90.128.11', 1, null],
    ['not to somebody who is no client', '10.20.0.30', 51_000, '192.0.2.1', null, null],
  ])('%s', (_, sourceIp, sourcePort, destIp, clientId, siteResourceId) => {
    expect(opened(sourceIp, sourcePort, destIp)).toMatchObject({ clientId, siteResourceId })
  })
})

describe('which resource', () => {
  const resources = (rows: object[], siteId?: number) => {
    const attributor = new Attributor(siteId === undefined ? {} : { siteId })
    attributor.catalogChanged(
      catalogSchema.parse({
        resources: rows.map((row, i) => ({ siteResourceId: i + 1, name: 'x', ...row })),
      }),
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
