import { expect, test } from 'vitest'
import { Consolidator } from '../../src/session/consolidate.js'
import type { Session } from '../../src/session/session.js'
import { aSession } from '../support/sessions.js'

const SECOND = 1_000_000

function run(sessions: readonly Session[], max?: number): Session[] {
  const out: Session[] = []
  const consolidator = new Consolidator((s) => out.push(s), max)
  for (const session of sessions) consolidator.add(session)
  consolidator.end()
  return out
}

/** A session from `from` to `to` seconds, ports as given. */
function at(from: number, to: number, change: Partial<Session> = {}): Session {
  return aSession({ startTimeUs: from * SECOND, endTimeUs: to * SECOND, ...change })
}

test('a gap of 5 s joins, more does not', () => {
  expect(run([at(0, 1), at(6, 7)])).toMatchObject([{ connectionCount: 2, endTimeUs: 7 * SECOND }])
  const apart = run([at(0, 1), at(6.000001, 7)])
  expect(apart.map((s) => [s.startTimeUs, s.connectionCount])).toEqual([
    [0, 1],
    [6_000_001, 1],
  ])
})

test('adds up what was counted and keeps who it was', () => {
  const [one] = run([
    at(0, 1, { sessionId: 'A', bytesTx: 1, packetsRx: 2, payloadTx: 3, tcpFlagsTx: 2 }),
    at(2, 9, { sessionId: 'B', bytesTx: 10, packetsRx: 20, payloadTx: 30, tcpFlagsTx: 16 }),
    at(3, 4, { sessionId: 'C', bytesTx: 100, packetsRx: 200, payloadTx: 300, sourcePort: 9 }),
  ])
  expect(one).toMatchObject({
    sessionId: 'A',
    startTimeUs: 0,
    endTimeUs: 9 * SECOND,
    bytesTx: 111,
    packetsRx: 222,
    payloadTx: 333,
    tcpFlagsTx: 0x1b | 18,
    connectionCount: 3,
  })
})

test.each<[string, Partial<Session>]>([
  ['source', { sourceIp: '10.8.0.3' }],
  ['destination', { destIp: '192.168.7.11' }],
  ['port', { destPort: 80 }],
  ['protocol', { protocol: 'udp' }],
  ['resource', { siteResourceId: 4 }],
])('another %s is another record', (_, change) => {
  expect(run([at(0, 1), at(0, 1, change)]).length).toBe(2)
})

test('order of arrival does not matter within a burst', () => {
  const sessions = [at(4, 5), at(0, 1), at(2, 9)]
  expect(run(sessions)).toMatchObject([{ startTimeUs: 0, connectionCount: 3 }])
})

test('the bound lets the one go that waited longest, and nothing is lost', () => {
  const sessions = [1, 2, 3, 4].map((port) => at(0, 1, { destPort: port }))
  const out: Session[] = []
  const consolidator = new Consolidator((s) => out.push(s), 2)
  for (const session of sessions) consolidator.add(session)
  expect(out.map((s) => s.destPort)).toEqual([1, 2])
  consolidator.end()
  expect(out.map((s) => s.destPort)).toEqual([1, 2, 3, 4])
})

test('expire() lets go of what got no session for 10 s', () => {
  const out: Session[] = []
  const consolidator = new Consolidator((s) => out.push(s))
  consolidator.add(at(0, 1), 61_000)
  consolidator.add(at(0, 1, { destPort: 80 }), 62_000)
  consolidator.expire(71_000)
  expect(out).toEqual([])
  consolidator.expire(71_001)
  expect(out.map((s) => s.destPort)).toEqual([at(0, 1).destPort])
})

test.each([0, 5, 60])(
  'live, sessions that come %d s after their end are merged as in a capture',
  (delay) => {
    const sessions = [at(0, 0.01), at(4, 4.01), at(9, 13), at(18, 18.01), at(24, 24.01)]
    const out: Session[] = []
    const consolidator = new Consolidator((s) => out.push(s))
    for (let nowUs = 0; nowUs < 200 * SECOND; nowUs += SECOND / 2) {
      const due = (s: Session) => s.endTimeUs + delay * SECOND
      const come = sessions.filter((s) => due(s) <= nowUs && due(s) > nowUs - SECOND / 2)
      for (const session of come) consolidator.add(session, nowUs / 1000)
      consolidator.expire(nowUs / 1000)
    }
    expect(out.map((s) => s.connectionCount)).toEqual([4, 1])
    expect(out).toEqual(run(sessions))
  },
)
