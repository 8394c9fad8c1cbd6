/** Whoever holds an ingest key of a site can neither rewrite what its meter reported nor claim what it will report. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Freshness } from '../../../src/server/store/duckdb/write/conflicts.js'
import type { LogRow } from '../../../src/server/store/store.js'
import type { Session } from '../../../src/session/session.js'
import { batch, RUN, session } from '../../support/batches.js'
import { ALWAYS, TestStore } from '../../support/store.js'

const HOUR_US = 3600e6
const DAY_US = 24 * HOUR_US

let t: TestStore
let numbers: Map<string, number>
beforeEach(async () => {
  t = await TestStore.open()
  numbers = new Map()
})
afterEach(() => t.close())

/** The meter's next batch. */
function send(sessions: readonly Session[], meterId = 'meter-1') {
  const number = (numbers.get(meterId) ?? 0) + 1
  numbers.set(meterId, number)
  return t.send('acme', 1, batch(number, sessions, { meterId }))
}
/** As of the store's clock, which stands. */
const one = (sequence: number, change: Partial<Session> = {}) =>
  session(sequence, { startTimeUs: t.nowUs - 60e6, endTimeUs: t.nowUs - 1e6, ...change })
const open = (sequence: number, change: Partial<Session> = {}) =>
  one(sequence, { endReason: 'activeTimeout', ...change })
/** Who went elsewhere. */
const OTHER = { destIp: '192.168.10.99', destPort: 22, packetsTx: 500, userId: 'mallory' }

async function rows(): Promise<LogRow[]> {
  const sort = { key: 'startTime', descending: false } as const
  const page = await t.store.page('acme', { filter: ALWAYS, sort, limit: 100, offset: 0 })
  return [...page.rows].sort((a, b) => (a.sessionId < b.sessionId ? -1 : 1))
}
const seen = async () => (await rows()).map((r) => [r.meterId, r.destIp, r.packetsTx, r.open])
async function counted() {
  const gaps = await t.store.gaps('acme', 0, 2 * t.nowUs)
  const { revisedSessions: revised, conflictingSessions: conflicting } = t.store.stats()
  const lost = gaps.filter(({ reason }) => reason === 'sessionConflict')
  return { revised, conflicting, lost: lost.map((g) => [g.meterId, g.sessions]) }
}
const REAL = ['meter-1', '192.168.10.5']

test('a session that came a day ago is old, whatever came since and however quiet it was', () => {
  const freshness = new Freshness()
  const isStale = (arrival: number, nowUs: number) => {
    const sql = freshness.isStaleSql(nowUs)
    return sql === 'true' || arrival < Number(/o\.arrival < (\d+)/.exec(sql)?.[1] ?? 0)
  }
  // One every five minutes, for three days.
  for (let i = 0; i < 864; i++) {
    freshness.came(freshness.dueMark(100 + i, i * 300e6), i * 300e6)
  }
  const nowUs = 864 * 300e6
  const age = (hours: number) => 100 + 864 - hours * 12
  expect([1, 23, 25, 71].map((hours) => isStale(age(hours), nowUs))).toEqual([
    false,
    false,
    true,
    true,
  ])
  expect(isStale(963, nowUs + 25 * 3600e6)).toBe(true)
})

test('one that came shortly after another, and before a quiet day, is old after it', () => {
  const freshness = new Freshness()
  const quietUs = 60e6 + 25 * HOUR_US
  for (const [arrival, atUs] of [
    [1, 0],
    [2, 60e6],
    [3, quietUs],
  ] as const)
    freshness.came(freshness.dueMark(arrival, atUs), atUs)
  expect(freshness.isStaleSql(quietUs)).toBe('(o.arrival < 3)')
})

describe('what a meter says of its own sessions is taken', () => {
  test('the sum of an hour while it grows: one row, its last amounts, in usage once', async () => {
    const sum = (packetsTx: number, connectionCount: number) =>
      one(1, {
        ...{ sourceIp: '0.0.0.0', sourcePort: 0, destIp: '0.0.0.0', destPort: 0 },
        ...{ packetsTx, connectionCount, endTimeUs: t.nowUs + HOUR_US / 2 },
      })
    for (const count of [1, 2, 5]) await send([sum(10 * count, count)])
    await send([sum(20, 2)])
    const [row, ...more] = await rows()
    expect([row!.packetsTx, row!.connectionCount, more.length]).toEqual([50, 5, 0])
    const { totals } = await t.store.summary('acme', {
      ...{ filter: ALWAYS, groupBy: 'client', interval: null, top: 1, sort: 'bytes' },
    })
    expect([totals.sessions, totals.connections]).toEqual([1, 5])
    expect((await counted()).conflicting).toBe(0)
  })

  test('an interim report, a later one and the end', async () => {
    for (const packetsTx of [5, 6]) await send([open(1, { packetsTx })])
    t.nowUs += 40 * DAY_US
    await send([open(1, { packetsTx: 7 })])
    expect(await seen()).toEqual([[...REAL, 7, true]])
    await send([one(1, { packetsTx: 8 })])
    expect(await seen()).toEqual([[...REAL, 8, false]])
    expect(await counted()).toEqual({ revised: 0, conflicting: 0, lost: [] })
  })

  test('an early report of the end and the final one, whoever is said to have begun', async () => {
    await send([one(1, { packetsTx: 8 })])
    t.nowUs += HOUR_US
    const { sourceIp, sourcePort, destIp, destPort } = one(1)
    const turned = {
      sourceIp: destIp,
      sourcePort: destPort,
      destIp: sourceIp,
      destPort: sourcePort,
    }
    await send([one(1, { packetsTx: 9, ...turned })])
    expect(await seen()).toEqual([['meter-1', '10.8.0.2', 9, false]])
    expect(await counted()).toEqual({ revised: 1, conflicting: 0, lost: [] })
  })

  test('the real end of an interrupted session within a day', async () => {
    await send([open(1)])
    const later = {
      ...batch(2, []),
      report: { ...batch(2, []).report, startedAt: '2026-11-22T00:00:00.000Z' },
    }
    numbers.set('meter-1', 2)
    await t.send('acme', 1, later)
    expect(await t.store.closeInterrupted()).toBe(1)
    t.nowUs += 23 * HOUR_US
    await send([one(1, { packetsTx: 3 })])
    expect(await seen()).toEqual([[...REAL, 3, false]])
    expect(await counted()).toEqual({ revised: 1, conflicting: 0, lost: [] })
  })

  test('the same records again, by it or by another import of the same file, change and count nothing', async () => {
    await send([one(1), one(2)])
    t.nowUs += 40 * DAY_US
    await send([one(1), one(2)])
    await send([one(1), one(2)], 'import-2')
    expect(await seen()).toEqual([
      [...REAL, 10, false],
      [...REAL, 10, false],
    ])
    expect(await counted()).toEqual({ revised: 0, conflicting: 0, lost: [] })
  })
})

describe('what is not taken is counted, and a loss of whoever sent it', () => {
  beforeEach(() => send([one(1), open(2)]))
  const untouched = [
    [...REAL, 10, false],
    [...REAL, 10, true],
  ]

  test.each([
    ['an ended session with more packets', () => one(1, { packetsTx: 99 })],
    ['an ended session that went elsewhere', () => one(1, OTHER)],
    ['the end of an open session', () => one(2, { packetsTx: 99 })],
    ['a report of an open session', () => open(2, { packetsTx: 99 })],
    ['a session that its meter has not reported yet', () => one(3)],
  ])('of another meter: %s', async (_, forged) => {
    await send([forged()], 'thief')
    expect(await seen()).toEqual(untouched)
    expect(await counted()).toEqual({ revised: 0, conflicting: 1, lost: [['thief', 1]] })
    // Its meter goes on, also after a restart.
    await t.reopen()
    await send([one(2, { packetsTx: 11 }), one(3)])
    expect(await seen()).toEqual([
      [...REAL, 10, false],
      [...REAL, 11, false],
      [...REAL, 10, false],
    ])
  })

  test('over the time of those sessions, in whatever order they come', async () => {
    const minutes = (from: number, to: number) => ({
      startTimeUs: t.nowUs - from * 60e6,
      endTimeUs: t.nowUs - to * 60e6,
    })
    await send([one(1, { ...OTHER, ...minutes(30, 25) })], 'thief')
    // Not in one group with the others.
    await counted()
    await send([one(1, { ...OTHER, ...minutes(40, 35) })], 'thief')
    await send([one(1, { ...OTHER, ...minutes(32, 20) })], 'thief')
    await send([one(1, { ...OTHER, ...minutes(90, 80) })], 'thief')
    const gaps = await t.store.gaps('acme', 0, 2 * t.nowUs)
    const ago = (iso: string) => Math.round((t.nowUs / 1e3 - Date.parse(iso)) / 60e3)
    expect(gaps.map(({ from, to, sessions }) => [ago(from), ago(to), sessions]).sort()).toEqual([
      [40, 20, 3],
      [90, 80, 1],
    ])
  })

  test('of two distant times in turns, also after a restart: two losses, and each session once', async () => {
    const hoursAgo = (hours: number) => ({
      startTimeUs: t.nowUs - hours * HOUR_US,
      endTimeUs: t.nowUs - hours * HOUR_US + 60e6,
    })
    const bothInTurns = async () => {
      for (const hours of [20, 10, 20, 20, 10, 20]) {
        await send([one(1, { ...OTHER, ...hoursAgo(hours) })], 'thief')
        await counted()
      }
    }
    const lost = async () => {
      const gaps = await t.store.gaps('acme', 0, 2 * t.nowUs)
      const hours = (iso: string) => Math.round((t.nowUs / 1e3 - Date.parse(iso)) / 3600e3)
      return gaps.map(({ from, sessions }) => [hours(from), sessions]).sort()
    }
    await bothInTurns()
    expect(await lost()).toEqual([
      [10, 2],
      [20, 4],
    ])
    await t.reopen()
    await bothInTurns()
    expect(await lost()).toEqual([
      [10, 2],
      [10, 2],
      [20, 4],
      [20, 4],
    ])
  })

  test.each([
    ['an ended session', () => one(1, OTHER)],
    ['the end of an open session', () => one(2, OTHER)],
    ['a report of an open session', () => open(2, OTHER)],
  ])('under the meter’s own name, but of another five-tuple: %s', async (_, forged) => {
    await send([forged()])
    expect(await seen()).toEqual(untouched)
    expect(await counted()).toEqual({ revised: 0, conflicting: 1, lost: [['meter-1', 1]] })
    await send([one(2, { packetsTx: 11 })])
    expect((await seen())[1]).toEqual([...REAL, 11, false])
  })

  test.each([[false], [true]])(
    'what came more than a day ago; after a restart: %s',
    async (restart) => {
      const forged = one(1, { packetsTx: 99 })
      t.nowUs += DAY_US + HOUR_US
      if (restart) await t.reopen()
      await send([forged])
      expect((await seen())[0]).toEqual([...REAL, 10, false])
      expect(await counted()).toMatchObject({ revised: 0, conflicting: 1, lost: [['meter-1', 1]] })
    },
  )

  test('in one group with the meter’s own, whichever comes first; losses that follow one another are one', async () => {
    await Promise.all([
      send([one(4, OTHER)]),
      send([one(4), one(5)]),
      send([one(5, OTHER), one(6)], 'thief'),
      send([one(6)], 'thief'),
    ])
    expect((await seen()).slice(2)).toEqual([
      ['meter-1', '192.168.10.99', 500, false],
      [...REAL, 10, false],
    ])
    const { conflicting, lost } = await counted()
    expect([conflicting, lost.sort()]).toEqual([
      4,
      [
        ['meter-1', 1],
        ['thief', 3],
      ],
    ])
  })

  test('another site’s sessions of the same ids are its own', async () => {
    await t.send('acme', 2, batch(1, [one(1, OTHER)], { meterId: 'thief' }))
    expect((await rows()).map((r) => [r.siteId, r.sessionId.startsWith(RUN), r.destIp])).toEqual([
      [1, true, '192.168.10.5'],
      [2, true, '192.168.10.99'],
      [1, true, '192.168.10.5'],
    ])
    expect(await counted()).toEqual({ revised: 0, conflicting: 0, lost: [] })
  })
})
