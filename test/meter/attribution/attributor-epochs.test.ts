/** A session gets the names of the time at which it opened. */
import { describe, expect, test } from 'vitest'
import { Attributor } from '../../../src/meter/attribution/attributor.js'
import {
  ANNA,
  catalog,
  LYON,
  peer,
  RAVI,
  reads,
  record,
  snapshot,
  withPeers,
} from '../../support/attributor-lab.js'

describe('when: the state of the epoch in which the session opened decides', () => {
  const of = (attributor: Attributor, ip: string, epoch: number) =>
    attributor.attribute(record(ip, '10.20.0.10', epoch))

  test('an allowed IP that moved between peers', () => {
    const attributor = withPeers()
    const moved = reads(attributor, peer(RAVI, ['100.90.128.11/32']))
    expect(of(attributor, '100.90.128.11', 0).peerPublicKey).toBe(ANNA)
    expect(of(attributor, '100.90.128.11', moved).peerPublicKey).toBe(RAVI)
    expect(attributor.counters()).toMatchObject({
      peers: 1,
      peersAdded: 3,
      peersRemoved: 2,
      states: 2,
    })
  })

  test('the same peers again change nothing', () => {
    const attributor = withPeers()
    attributor.beginReading()
    const same = snapshot(
      peer(LYON, ['100.90.128.31/32', '10.44.0.0/24']),
      peer(RAVI, ['100.90.128.12/32'], '[2001:db8::12]:5002'),
      peer(ANNA, ['fd90::11/128', '100.90.128.11/32'], '198.51.100.11:5001'),
    )
    expect(attributor.peersChanged(same)).toBe(false)
    expect(attributor.counters()).toMatchObject({ states: 1, endpointChanges: 0 })
  })

  test('a client that roams: the endpoint at the start, and the change is counted', () => {
    const attributor = withPeers()
    const before = attributor.epoch
    const after = reads(attributor, peer(ANNA, ['100.90.128.11/32'], '203.0.113.77:9'))
    expect(of(attributor, '100.90.128.11', before).clientEndpoint).toBe('198.51.100.11:5001')
    expect(of(attributor, '100.90.128.11', after).clientEndpoint).toBe('203.0.113.77:9')
    expect(attributor.counters().endpointChanges).toBe(1)
  })

  test('a peer that came between two readings owns what it sent before the second', () => {
    const attributor = withPeers()
    const before = reads(attributor, peer(ANNA, ['100.90.128.11/32']))
    const between = reads(attributor, peer(ANNA, ['100.90.128.11/32']))
    expect(of(attributor, '100.90.128.50', between).unattributed).toBe('noMatch')
    // A catalog in between is no reading.
    attributor.catalogChanged(catalog)
    reads(attributor, peer(ANNA, ['100.90.128.11/32']), peer(RAVI, ['100.90.128.50/32']))
    expect(of(attributor, '100.90.128.50', between).peerPublicKey).toBe(RAVI)
    // It was seen not to be there after what opened in the epoch before.
    expect(of(attributor, '100.90.128.50', before).peerPublicKey).toBeNull()
  })

  test("a peer that came under another's /0 owns what it sent before the next reading, which is asked for", () => {
    const attributor = new Attributor()
    const first = reads(attributor, peer(ANNA, ['0.0.0.0/0']))
    const one = record('10.9.0.2', '10.20.0.10', first)
    const before = attributor.attribute(one)
    expect([before.peerPublicKey, attributor.isUncertain(one, before)]).toEqual([ANNA, true])
    reads(attributor, peer(ANNA, ['0.0.0.0/0']), peer(RAVI, ['10.9.0.2/32']))
    const again = attributor.attributeAgain(one, before)
    expect([again.peerPublicKey, attributor.isUncertain(one, again)]).toEqual([RAVI, false])
    expect(of(attributor, '10.9.0.3', first).peerPublicKey).toBe(ANNA)
  })

  test('a peer that has just shaken hands for the first time: its endpoint comes with the next reading', () => {
    const attributor = new Attributor()
    attributor.catalogChanged(catalog)
    const first = reads(attributor, peer(ANNA, ['100.90.128.11/32'], null))
    const one = record('100.90.128.11', '10.20.0.10', first)
    const before = attributor.attribute(one)
    const uncertain = attributor.isUncertain(one, before)
    expect([before.clientId, before.clientEndpoint, uncertain]).toEqual([1, null, true])
    reads(attributor, peer(ANNA, ['100.90.128.11/32'], '198.51.100.11:5'))
    const again = attributor.attributeAgain(one, before)
    expect([again.clientEndpoint, attributor.isUncertain(one, again)]).toEqual([
      '198.51.100.11:5',
      false,
    ])
    expect(attributor.counters()).toMatchObject({ attributed: 1, endpointChanges: 0 })
  })

  test('the catalog of the time: clients by key and address, and resources', () => {
    const attributor = withPeers()
    const before = attributor.epoch
    attributor.catalogChanged({
      ...catalog,
      clients: [
        { ...catalog.clients[0]!, clientId: 4 },
        { ...catalog.clients[2]!, clientId: 5 },
      ],
      resources: [{ ...catalog.resources[0]!, ports: [443] }],
    })
    const resource = (epoch: number, port: number) =>
      attributor.attribute(record('100.90.128.11', '10.20.0.10', epoch, { destPort: port }))
        .siteResourceId
    expect(of(attributor, '100.90.128.11', before).clientId).toBe(1)
    expect(of(attributor, '100.90.128.11', attributor.epoch).clientId).toBe(4)
    expect(of(attributor, '100.90.7.1', before).clientId).toBe(3)
    expect(of(attributor, '100.90.7.1', attributor.epoch).clientId).toBe(5)
    expect(of(attributor, '100.90.128.12', before).clientId).toBe(2)
    expect(of(attributor, '100.90.128.12', attributor.epoch).unattributed).toBe('unknownPeer')
    expect([resource(before, 80), resource(before, 443)]).toEqual([10, null])
    const now = attributor.epoch
    expect([resource(now, 80), resource(now, 443)]).toEqual([null, 10])
  })

  test('interim and final records agree, whatever came in between: sessions, changes, catalogs', () => {
    const attributor = new Attributor()
    attributor.catalogChanged(catalog)
    const first = reads(attributor, peer(ANNA, ['100.90.128.1/32'], '198.51.100.1:1'))
    const interim = record('100.90.128.1', '10.20.0.10', first, { endReason: 'activeTimeout' })
    const given = attributor.attribute(interim)
    expect([given.clientId, given.clientEndpoint]).toEqual([1, '198.51.100.1:1'])
    for (let i = 1; i <= 500; i++) {
      reads(
        attributor,
        peer(i % 2 ? RAVI : LYON, ['100.90.128.1/32']),
        peer(ANNA, [], `198.51.100.1:${i + 1}`),
      )
      attributor.catalogChanged({ ...catalog, clients: i % 2 ? [] : catalog.clients })
      attributor.forgetBefore(first)
      for (let n = 0; n < 20; n++) of(attributor, `100.90.128.${n}`, attributor.epoch)
    }
    expect(attributor.attribute({ ...interim, endReason: 'idleTimeout' })).toEqual(given)
    expect(attributor.counters().statesDropped).toBe(0)
  })

  test('no session of an epoch is open: it is forgotten, and with the last one all are', () => {
    const attributor = new Attributor({ pastMax: 12 })
    for (let i = 1; i <= 100; i++) {
      const epoch = reads(attributor, peer(i % 2 ? ANNA : RAVI, ['100.90.128.1/32']))
      attributor.forgetBefore(epoch)
    }
    expect(attributor.counters()).toMatchObject({ states: 100, statesDropped: 0 })
  })

  test('the past is bounded: what opened before it is attributed by the oldest state, and that is counted', () => {
    const attributor = new Attributor({ pastMax: 12 })
    const first = reads(attributor, peer(ANNA, ['100.90.128.1/32']))
    for (let i = 2; i <= 40; i++) {
      reads(attributor, peer(i % 2 ? ANNA : RAVI, ['100.90.128.1/32']))
      attributor.forgetBefore(first)
    }
    expect(attributor.counters().statesDropped).toBeGreaterThan(0)
    expect([ANNA, RAVI]).toContain(of(attributor, '100.90.128.1', first).peerPublicKey)
  })

  test('peers that come and go for ever do not grow the memory', () => {
    const attributor = new Attributor()
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
    for (let i = 0; i < 3000; i++) {
      const name = `${letters[i % 52]}${letters[Math.floor(i / 52) % 52]}${letters[Math.floor(i / 2704)]}`
      attributor.forgetBefore(reads(attributor, peer(`${name.padEnd(42, 'x')}A=`, ['10.0.0.1/32'])))
    }
    expect(attributor.identityCount).toBeLessThanOrEqual(1024)
  })
})
