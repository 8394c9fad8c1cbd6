/** Each row: a state, a reading, and what is told. Times are seconds after AT unless they say otherwise. */
import { expect, test } from 'vitest'
import type { WireGuardPeer } from '../../../src/meter/wireguard/device.js'
import { type PeerChange, PeerChanges } from '../../../src/meter/wireguard/peer-changes.js'

const AT = 1_800_000_000

function peer(change: Partial<WireGuardPeer> & { handshake?: number | null } = {}): WireGuardPeer {
  const { handshake = null, ...rest } = change
  return {
    publicKey: 'A',
    endpoint: '192.0.2.1:1000',
    allowedIps: ['10.8.0.2/32'],
    lastHandshakeSeconds: handshake === null ? null : AT + handshake,
    rxBytes: 0,
    txBytes: 0,
    ...rest,
  }
}

/** The wall clock and the other one go together, unless `clock` sets the first. */
function moment(seconds: number, clock = seconds) {
  return { atUs: (AT + clock) * 1e6, ms: 5_000_000 + seconds * 1e3 }
}

const told = (changes: readonly PeerChange[]) =>
  changes.map(({ event, publicKey, atUs }) => `${publicKey} ${event} ${atUs / 1e6 - AT}`)

type Reading = [at: number, peers: WireGuardPeer[], told: string[]]

const HOME = peer({ handshake: -10 })
const NEVER = peer()
const MOVED = peer({ handshake: -10, endpoint: '198.51.100.7:2000' })
const WIDER = peer({ handshake: -10, allowedIps: ['10.8.0.2/32', '10.9.0.0/24'] })

test.each<[string, ...Reading[]]>([
  ['nobody was there before, and nobody comes', [0, [], []], [5, [], []]],
  ['connected already', [0, [HOME], ['A connected -10']], [5, [HOME], []]],
  ['there, never connected', [0, [NEVER], []], [5, [NEVER], []]],
  ['its last handshake was long ago', [0, [peer({ handshake: -180 })], []]],
  ['it connects', [0, [NEVER], []], [5, [peer({ handshake: 3 })], ['A connected 3']]],
  [
    'another handshake of a connected one says nothing',
    [0, [HOME], ['A connected -10']],
    [115, [peer({ handshake: 112 })], []],
    [290, [peer({ handshake: 112 })], []],
    [294, [peer({ handshake: 112 })], ['A disconnected 292']],
    [300, [peer({ handshake: 298 })], ['A connected 298']],
  ],
  [
    'read seldom, the end is when the age was passed',
    [0, [HOME], ['A connected -10']],
    [900, [HOME], ['A disconnected 170']],
  ],
  [
    'one that came and went between two readings was not seen',
    [0, [HOME], ['A connected -10']],
    [900, [peer({ handshake: 890 })], []],
  ],
  ['it moves', [0, [HOME], ['A connected -10']], [5, [MOVED], ['A endpointChanged 5']]],
  [
    'an endpoint that is not known any more has not changed',
    [0, [HOME], ['A connected -10']],
    [5, [peer({ handshake: -10, endpoint: null })], []],
    [10, [HOME], []],
  ],
  [
    'its first endpoint is no change',
    [0, [peer({ endpoint: null })], []],
    [5, [peer({ handshake: 4 })], ['A connected 4']],
  ],
  [
    'its first endpoint while it has not connected',
    [0, [peer({ endpoint: null })], []],
    [5, [NEVER], []],
    [10, [peer({ endpoint: '198.51.100.7:2000' })], ['A endpointChanged 10']],
  ],
  ['allowed IPs', [0, [HOME], ['A connected -10']], [5, [WIDER], ['A allowedIpsChanged 5']]],
  [
    'allowed IPs in another order',
    [0, [WIDER], ['A connected -10']],
    [5, [peer({ handshake: -10, allowedIps: ['10.9.0.0/24', '10.8.0.2/32'] })], []],
  ],
  ['it comes', [0, [], []], [5, [NEVER], ['A added 5']]],
  [
    'it comes and has connected',
    [0, [], []],
    [5, [peer({ handshake: 4 })], ['A added 5', 'A connected 4']],
  ],
  ['it goes', [0, [NEVER], []], [5, [], ['A gone 5']], [10, [NEVER], ['A added 10']]],
  [
    'it goes while connected',
    [0, [HOME], ['A connected -10']],
    [5, [], ['A disconnected 5', 'A gone 5']],
  ],
  [
    'the interface was made anew',
    [0, [HOME], ['A connected -10']],
    [5, [NEVER], ['A disconnected 5']],
  ],
])('%s', (_, ...readings) => {
  const changes = new PeerChanges()
  for (const [at, peers, want] of readings)
    expect(told(changes.read(peers, moment(at))), `at ${at}`).toEqual(want)
})

test('of one that was connected when the meter began nobody knows since when', () => {
  const changes = new PeerChanges()
  expect(changes.read([HOME], moment(0))).toMatchObject([
    { event: 'connected', already: true, endpoint: HOME.endpoint, endpointBefore: null },
  ])
  expect(changes.read([HOME], moment(175)).map((c) => c.event)).toEqual(['disconnected'])
  expect(changes.read([{ ...MOVED, lastHandshakeSeconds: AT + 180 }], moment(181))).toMatchObject([
    { event: 'connected', already: false, endpoint: MOVED.endpoint, endpointBefore: HOME.endpoint },
  ])
})

test('where it was before is told once', () => {
  const changes = new PeerChanges()
  changes.read([HOME], moment(0))
  const anew = { ...NEVER, endpoint: MOVED.endpoint }
  expect(changes.read([anew], moment(5))).toMatchObject([
    { event: 'disconnected', endpointBefore: null },
    { event: 'endpointChanged', endpointBefore: HOME.endpoint },
  ])
})

test('one that was put off, left and came again was not connected already', () => {
  const changes = new PeerChanges({ perMinute: 1 })
  const second = (handshake: number) => peer({ publicKey: 'B', handshake })
  expect(told(changes.read([HOME, second(-10)], moment(0)))).toEqual(['A connected -10'])
  expect(told(changes.read([HOME, peer({ publicKey: 'B' })], moment(5)))).toEqual([])
  const later = changes.read([HOME, second(62)], moment(65))
  expect(later).toMatchObject([{ publicKey: 'B', event: 'connected', already: false }])
})

test('who stays connected is told again each day, as one that was already', () => {
  const changes = new PeerChanges({ connectedForMs: 7 * 86_400_000 })
  changes.read([NEVER], moment(0))
  changes.read([peer({ handshake: 4 })], moment(5))
  expect(changes.read([peer({ handshake: 80_000 })], moment(86_404))).toEqual([])
  const again = changes.read(
    [peer({ handshake: 86_400, endpoint: MOVED.endpoint })],
    moment(86_405),
  )
  expect(told(again)).toEqual(['A connected 86405', 'A endpointChanged 86405'])
  expect(again[0]).toMatchObject({ already: true, endpointBefore: null })
  expect(
    changes.read([peer({ handshake: 86_400, endpoint: MOVED.endpoint })], moment(86_410)),
  ).toEqual([])
  expect(
    told(changes.read([peer({ handshake: 172_000, endpoint: MOVED.endpoint })], moment(172_805))),
  ).toEqual(['A connected 172805'])
})

test('a clock that is set tells nobody as connected or not', () => {
  const changes = new PeerChanges()
  changes.read([HOME], moment(0))
  expect(changes.read([HOME], moment(5, 86_400))).toEqual([])
  expect(changes.read([HOME], moment(10, -86_400))).toEqual([])
  expect(told(changes.read([HOME], moment(175, -86_400)))).toEqual(['A disconnected -86400'])
  // A handshake by the clock that was set back.
  const again = changes.read([peer({ handshake: -86_399 })], moment(177, -86_398))
  expect(told(again)).toEqual(['A connected -86399'])
})

test('an interface that is away has nobody connected, and the same peers when it is back', () => {
  const changes = new PeerChanges()
  changes.read([HOME], moment(0))
  expect(told(changes.interfaceGone(moment(7)))).toEqual(['A disconnected 7'])
  expect(changes.interfaceGone(moment(8))).toEqual([])
  expect(changes.read([NEVER], moment(60))).toEqual([])
  expect(told(changes.read([peer({ handshake: 70 })], moment(72)))).toEqual(['A connected 70'])
})

test.each<[string, WireGuardPeer[], string[]]>([
  ['still is', [HOME], ['A connected -10']],
  ['ended meanwhile, as its handshake says', [peer({ handshake: -300 })], ['A disconnected -120']],
  ['ended meanwhile with its interface', [NEVER], ['A disconnected -500']],
  ['is no peer any more', [], ['A disconnected -500', 'A gone 0']],
])('who was connected in the run before %s', (_, peers, want) => {
  const before = { atUs: (AT - 500) * 1e6, publicKeys: ['A'] }
  const changes = new PeerChanges({ before })
  expect(told(changes.read(peers, moment(0)))).toEqual(want)
  expect(changes.read(peers, moment(5))).toEqual([])
})

test('what the next run is to know holds an end that was told a moment ago', () => {
  const changes = new PeerChanges()
  changes.read([HOME, peer({ publicKey: 'B' })], moment(0))
  expect(changes.connected(moment(0).ms)).toEqual(['A'])
  changes.read([HOME], moment(175))
  expect(changes.connected(moment(234).ms)).toEqual(['A'])
  expect(changes.connected(moment(235).ms)).toEqual([])
  const left = new PeerChanges()
  left.read([HOME], moment(0))
  left.read([], moment(5))
  expect(left.connected(moment(64).ms)).toEqual(['A'])
  expect(left.connected(moment(66).ms)).toEqual([])
})

test('more than a minute may have are told in the next one, with their own times', () => {
  const changes = new PeerChanges({ perMinute: 3 })
  const all = ['A', 'B', 'C', 'D', 'E'].map((publicKey) => peer({ publicKey, handshake: -10 }))
  const first = changes.read(all, moment(0))
  expect(told(first)).toEqual(['A connected -10', 'B connected -10', 'C connected -10'])
  expect(changes.read(all, moment(5))).toEqual([])
  expect(changes.deferred).toBe(4)
  const later = changes.read(all, moment(60))
  expect(
    later.map(({ publicKey, already, atUs }) => [publicKey, already, atUs / 1e6 - AT]),
  ).toEqual([
    ['D', true, -10],
    ['E', true, -10],
  ])
})

test('a peer whose endpoint flaps takes no more than its share, and is told as it is in the end', () => {
  const changes = new PeerChanges({ perPeer: 3 })
  const other = peer({ publicKey: 'B' })
  changes.read([NEVER, other], moment(0))
  let flaps = 0
  for (let at = 1; at < 30; at++)
    flaps += changes.read([peer({ endpoint: `192.0.2.${at}:9` }), other], moment(at)).length
  expect(flaps).toBe(3)
  expect(changes.deferred).toBe(26)
  const met = changes.read(
    [peer({ endpoint: '192.0.2.29:9' }), peer({ publicKey: 'B', endpoint: '192.0.2.9:9' })],
    moment(70),
  )
  expect(met.map((c) => [c.publicKey, c.endpointBefore, c.endpoint])).toEqual([
    ['A', '192.0.2.3:9', '192.0.2.29:9'],
    ['B', '192.0.2.1:1000', '192.0.2.9:9'],
  ])
})
