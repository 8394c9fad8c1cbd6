/** Batch numbers, gaps, interrupted sessions, retention, usage, names: what the store knows beside sessions. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { LogRow } from '../../../src/server/store/store.js'
import { batch, report, session } from '../../support/batches.js'
import { ALWAYS, stored, TestStore } from '../../support/store.js'

let t: TestStore
beforeEach(async () => {
  t = await TestStore.open()
})
afterEach(() => t.close())

const MINUTE_US = 60e6
const DAY_US = 86400e6

async function rows(orgId = 'acme'): Promise<LogRow[]> {
  const sort = { key: 'startTime', descending: false } as const
  const page = await t.store.page(orgId, { filter: ALWAYS, sort, limit: 1000, offset: 0 })
  return [...page.rows]
}
const ranges = async () =>
  (await t.store.gaps('acme', 0, 2 * t.nowUs)).map((g) => [g.fromBatch, g.toBatch, g.reason])

describe('batch numbers', () => {
  test('a jump is a gap; a late batch makes it smaller, then closes it', async () => {
    for (const number of [1, 2, 6]) await t.send('acme', 1, batch(number, []))
    expect(await ranges()).toEqual([[3, 5, 'missing']])
    await t.send('acme', 1, batch(4, [session(1)]))
    expect((await ranges()).sort()).toEqual([
      [3, 3, 'missing'],
      [5, 5, 'missing'],
    ])
    await t.send('acme', 1, batch(3, []))
    await t.send('acme', 1, batch(5, []))
    expect(await ranges()).toEqual([])
    expect(await rows()).toHaveLength(1)
  })

  test('a report is kept as it came, whatever is in it', async () => {
    const sent = report({ interface: `it's "wg0"; \\ $1 -- é 🛰` })
    await t.send('acme', 1, batch(1, [], { report: sent }))
    await t.reopen()
    expect((await t.store.meters('acme')).map((m) => m.report)).toEqual([sent])
  })

  test('a gap that the meter explains has its reason and count', async () => {
    await t.send('acme', 1, batch(1, []))
    const gap = {
      reason: 'spoolFull',
      sessions: 40,
      fromBatch: 2,
      toBatch: 3,
      from: '2026-11-22T10:00:00Z',
      to: '2026-11-22T10:01:00Z',
    }
    const lost = {
      reason: 'recordQueueFull',
      sessions: 7,
      from: '2026-11-22T10:00:00Z',
      to: '2026-11-22T10:01:00Z',
    }
    await t.send('acme', 1, batch(5, [], { gaps: [gap, lost] }))
    const gaps = await t.store.gaps('acme', 0, 2 * t.nowUs)
    expect(gaps.map((g) => [g.reason, g.sessions, g.fromBatch, g.toBatch]).sort()).toEqual([
      ['missing', null, 4, 4],
      ['recordQueueFull', 7, null, null],
      ['spoolFull', 40, 2, 3],
    ])
    expect(gaps.find((g) => g.reason === 'spoolFull')!.from).toBe('2026-11-22T10:00:00.000Z')
  })

  test('a loss is shown, however often an interface comes and goes elsewhere', async () => {
    const at = (ms: number) => new Date(t.nowUs / 1e3 + ms).toISOString()
    for (const number of [1, 10])
      await t.send('acme', 1, batch(number, [], { report: report({ at: at(0) }) }))
    const flap = { reason: 'interfaceGone', sessions: 0, from: at(1), to: at(2) }
    await t.send('acme', 2, batch(1, [], { meterId: 'flapping', gaps: Array(1000).fill(flap) }))
    // Its own flaps hide nothing either.
    await t.send('acme', 1, batch(11, [], { gaps: Array(1000).fill(flap) }))
    const all = await t.store.gaps('acme', 0, 2 * t.nowUs)
    expect(all).toContainEqual(expect.objectContaining({ siteId: 1, fromBatch: 2, toBatch: 9 }))
    expect(new Set(all.map((g) => g.siteId))).toEqual(new Set([1, 2]))
    const second = await t.store.gaps('acme', 0, 2 * t.nowUs, [2])
    expect(new Set(second.map((g) => g.siteId))).toEqual(new Set([2]))
    t.nowUs += 60e6
    const meters = await t.store.meters('acme')
    const quiet = meters.find((m) => m.siteId === 1)!
    expect(quiet.gaps).toContainEqual(expect.objectContaining({ fromBatch: 2, toBatch: 9 }))
  })

  test('numbers and gaps survive a restart', async () => {
    for (const number of [1, 4]) await t.send('acme', 1, batch(number, []))
    await t.reopen()
    expect(await ranges()).toEqual([[2, 3, 'missing']])
    expect((await t.send('acme', 1, batch(4, [session(1)]))).repeated).toBe(true)
    expect((await t.send('acme', 1, batch(2, [session(2)]))).repeated).toBe(false)
  })

  test('each site and organisation has numbers of its own', async () => {
    await t.send('acme', 1, batch(1, [session(1)]))
    expect((await t.send('acme', 2, batch(1, [session(1)]))).repeated).toBe(false)
    expect((await t.send('other', 1, batch(1, [session(1)]))).repeated).toBe(false)
    expect(await rows('acme')).toHaveLength(2)
    expect(await rows('other')).toHaveLength(1)
  })
})

describe('runs are told apart by their starts, never by which clock is later', () => {
  const open = (sequence: number, packetsTx = 5) =>
    session(sequence, { endReason: 'activeTimeout', packetsTx })
  const run = (startedAt: string, at = startedAt) => ({ report: report({ startedAt, at }) })
  const FIRST = '2026-11-22T10:00:00.000Z'
  const states = async () => (await rows()).map((r) => [r.open, r.interrupted, r.packetsTx])
  const openSessions = async () => (await t.store.meters('acme'))[0]!.openSessions

  test.each([
    ['behind by two hours', '2026-11-22T08:00:00.000Z'],
    ['at 1970', '1970-01-01T00:00:12.000Z'],
    ['ahead by a day', '2026-11-23T10:00:00.000Z'],
  ])('a meter starts again with its clock %s', async (_, second) => {
    await t.send('acme', 1, batch(1, [open(1)], run(FIRST)))
    await t.send('acme', 1, batch(2, [open(2)], run(second)))
    expect(await states()).toEqual([
      [false, true, 5],
      [true, false, 5],
    ])
    expect(await openSessions()).toBe(1)
    expect(await t.store.closeInterrupted()).toBe(1)
    // Its clock is set right meanwhile; its start stays as it was.
    await t.send('acme', 1, batch(3, [open(2, 900)], run(second, '2026-11-22T12:00:00.000Z')))
    await t.reopen()
    expect(await t.store.closeInterrupted()).toBe(0)
    expect(await states()).toEqual([
      [false, true, 5],
      [true, false, 900],
    ])
    await t.send('acme', 1, batch(4, [session(2, { packetsTx: 901 })], run(second)))
    expect((await states())[1]).toEqual([false, false, 901])
  })

  test('a clock that is set back while the meter runs', async () => {
    await t.send('acme', 1, batch(1, [open(1)], run(FIRST, '2026-11-22T18:00:00.000Z')))
    await t.send('acme', 1, batch(2, [open(1, 6)], run(FIRST, '2026-11-22T10:01:00.000Z')))
    expect(await t.store.closeInterrupted()).toBe(0)
    expect(await states()).toEqual([[true, false, 6]])
    expect((await t.store.meters('acme'))[0]!.report.at).toBe('2026-11-22T10:01:00.000Z')
  })

  test('a batch of the run before that comes late does not bring that run back', async () => {
    const [first, late, second] = [open(1), open(2), open(3)]
    await t.send('acme', 1, batch(1, [first], run(FIRST)))
    await t.send('acme', 1, batch(3, [second], run('2026-11-22T08:00:00.000Z')))
    await t.send('acme', 1, batch(2, [late], run(FIRST)))
    expect(await states()).toEqual([
      [false, true, 5],
      [false, true, 5],
      [true, false, 5],
    ])
  })

  test('a new disk, and a clock that is behind: its sessions are open, its report is the shown one', async () => {
    const second = '2026-11-22T08:00:00.000Z'
    await t.send('acme', 1, batch(1, [open(1)], { ...run(FIRST), spoolId: 'a' }))
    await t.send('acme', 1, batch(1, [open(2)], { ...run(second), spoolId: 'b' }))
    expect((await t.store.meters('acme'))[0]!.report.startedAt).toBe(second)
    for (let number = 2; number <= 4; number++) {
      t.nowUs += 5 * MINUTE_US
      await t.send('acme', 1, batch(number, [], { ...run(second), spoolId: 'b' }))
    }
    expect(await states()).toEqual([
      [false, true, 5],
      [true, false, 5],
    ])
    expect((await t.store.meters('acme'))[0]!).toMatchObject({ openSessions: 1, lastBatch: 4 })
  })

  test('two that report under one id keep their open sessions each', async () => {
    const [a, b] = [run(FIRST), run('2026-11-22T11:00:00.000Z')]
    for (let number = 1; number <= 2; number++) {
      await t.send('acme', 1, batch(number, [open(1, 5 + number)], { ...a, spoolId: 'a' }))
      await t.send('acme', 1, batch(number, [open(2, 5 + number)], { ...b, spoolId: 'b' }))
      expect(await t.store.closeInterrupted()).toBe(0)
    }
    expect(await states()).toEqual([
      [true, false, 7],
      [true, false, 7],
    ])
  })
})

describe('interrupted sessions do not stay among the open ones', () => {
  const open = (sequence: number, packetsTx = 5) =>
    session(sequence, { endReason: 'activeTimeout', packetsTx })
  const secondRun = () => report({ startedAt: '2026-11-21T00:00:00.000Z' })
  const states = async () => (await rows()).map((r) => [r.open, r.interrupted, r.packetsTx])
  const count = (state: 'open' | 'ended' | 'interrupted') =>
    t.store.count('acme', { ...ALWAYS, state })
  const totals = async () => {
    const request = { groupBy: null, interval: null, top: 1, sort: 'bytes' } as const
    return (await t.store.summary('acme', { filter: ALWAYS, ...request })).totals
  }

  test('of a running or silent meter they may go on: nothing is closed', async () => {
    await t.send('acme', 1, batch(1, [open(1)]))
    expect(await t.store.closeInterrupted()).toBe(0)
    t.nowUs += 60 * MINUTE_US
    expect(await t.store.closeInterrupted()).toBe(0)
    await t.send('acme', 1, batch(2, [open(1, 6)]))
    expect(await states()).toEqual([[true, false, 6]])
  })

  test('of an earlier run they are ended as interrupted, and counted as before', async () => {
    await t.send('acme', 1, batch(1, [open(1), open(2), session(3)]))
    await t.send('other', 1, batch(1, [open(1)]))
    await t.send('acme', 1, batch(2, [open(2048)], { report: secondRun() }))
    const before = [await states(), await totals()]
    expect(await t.store.closeInterrupted()).toBe(2)
    expect(await t.store.closeInterrupted()).toBe(0)
    expect([await states(), await totals()]).toEqual(before)
    expect([await count('open'), await count('ended'), await count('interrupted')]).toEqual([
      1, 3, 2,
    ])
    await t.reopen()
    expect([await states(), await totals()]).toEqual(before)
    expect((await rows('other'))[0]).toMatchObject({ open: true })
  })

  test.each([
    ['more', 7],
    ['as many', 5],
    ['fewer', 3],
  ])(
    'a real end with %s packets that still comes replaces them, a late interim does not',
    async (_, packetsTx) => {
      await t.send('acme', 1, batch(1, [open(1)]))
      await t.send('acme', 1, batch(2, [], { report: secondRun() }))
      await t.store.closeInterrupted()
      await t.send('acme', 1, batch(3, [open(1, 9)]))
      expect(await states()).toEqual([[false, true, 5]])
      await t.send('acme', 1, batch(4, [session(1, { packetsTx })]))
      expect(await states()).toEqual([[false, false, packetsTx]])
      expect(await totals()).toMatchObject({ sessions: 1, packetsTx })
    },
  )

  test('beside batches that come meanwhile, before or after it', async () => {
    const old = Array.from({ length: 20 }, (_, i) => open(i + 1))
    await t.send('acme', 1, batch(1, old))
    await t.send('acme', 1, batch(2, [], { report: secondRun() }))
    const work: Promise<unknown>[] = []
    for (let i = 1; i <= 20; i++) {
      if (i % 5 === 1) work.push(t.store.closeInterrupted())
      work.push(t.send('acme', 1, batch(2 + i, [session(i, { packetsTx: 8 })])))
      // Each second one waits, so that some batches meet a closing and others do not.
      if (i % 2 === 0) await work.at(-1)
    }
    await Promise.all(work)
    expect(await states()).toEqual(old.map(() => [false, false, 8]))
    expect(await totals()).toMatchObject({ sessions: 20, open: 0, packetsTx: 160 })
    expect(await t.store.closeInterrupted()).toBe(0)
  })
})

describe('retention and usage', () => {
  test('what is deleted stays in the months, exactly once, whatever was reported in between', async () => {
    const day = (n: number) => t.nowUs - n * DAY_US
    const at = (us: number, more = {}) => ({ startTimeUs: us, endTimeUs: us + 1e6, ...more })
    const old = at(day(40))
    await t.send(
      'acme',
      1,
      batch(1, [session(1, { ...old, endReason: 'activeTimeout', bytesTx: 10, packetsTx: 1 })]),
    )
    await t.send(
      'acme',
      1,
      batch(2, [
        session(1, { ...old, bytesTx: 100 }),
        session(2, at(day(35), { bytesTx: 1000, clientId: null })),
      ]),
    )
    await t.send(
      'acme',
      1,
      batch(3, [
        session(3, at(day(1), { bytesTx: 5 })),
        session(4, at(day(41), { bytesTx: 7, endReason: 'activeTimeout' })),
      ]),
    )
    const request = { fromMonth: '2026-01', toMonth: '2026-12', groupBy: 'client' } as const
    const before = await t.store.usage('acme', request)
    expect(before.map((u) => [u.month, u.id, u.sessions, u.bytesTx])).toEqual([
      ['2026-11', '1', 1, 5],
      ['2026-10', '1', 2, 107],
      ['2026-10', null, 1, 1000],
    ])
    expect(await t.store.expire('acme', day(30))).toBe(3)
    expect((await rows()).map((r) => r.bytesTx)).toEqual([5])
    expect(await t.store.usage('acme', request)).toEqual(before)
    expect(await t.store.expire('acme', day(30))).toBe(0)
    await t.store.expireUsage('2026-11')
    expect((await t.store.usage('acme', request)).map((u) => u.month)).toEqual(['2026-11'])
  })

  test.each(['without a restart', 'after a restart'])(
    'an open session that it deleted counts once when its meter is back, %s',
    async (restart) => {
      const usage = async () => {
        const asked = { fromMonth: '2026-01', toMonth: '2026-12', groupBy: 'client' } as const
        return (await t.store.usage('acme', asked)).map((u) => [u.id, u.sessions, u.bytesTx])
      }
      const open = (bytesTx: number, daysAgo: number) =>
        session(1, {
          startTimeUs: t.nowUs - 4 * DAY_US,
          endTimeUs: t.nowUs - daysAgo * DAY_US,
          ...{ endReason: 'activeTimeout', bytesTx, packetsTx: bytesTx },
        })
      await t.send(
        'acme',
        1,
        batch(1, [open(1000, 3), { ...open(7, 3), sessionId: session(2).sessionId }]),
      )
      expect(await t.store.expire('acme', t.nowUs - 2 * DAY_US)).toBe(2)
      expect(await usage()).toEqual([['1', 2, 1007]])
      if (restart === 'after a restart') await t.reopen()
      await t.send('acme', 1, batch(2, [open(1200, 0.5)]))
      expect([await usage(), await rows()]).toMatchObject([[['1', 2, 1207]], [{ bytesTx: 1200 }]])
      await t.send('acme', 1, batch(3, [{ ...open(1500, 0), endReason: 'endOfFlowDetected' }]))
      expect([await usage(), await rows()]).toMatchObject([[['1', 2, 1507]], [{ bytesTx: 1500 }]])
      expect(await t.store.expire('acme', Number.MAX_SAFE_INTEGER)).toBe(1)
      expect(await usage()).toEqual([['1', 2, 1507]])
      await t.store.erase('acme', { clientId: 1 })
      expect(await usage()).toEqual([[null, 2, 1507]])
    },
  )

  test('what it deleted is stored again if it is sent again, as after a restart', async () => {
    const imported = stored(session(1), 'acme', 1, 'newt')
    const send = async () => {
      await t.store.writeLoose('acme', 1, [imported])
      return (await rows()).length
    }
    expect(await send()).toBe(1)
    await t.send('acme', 2, batch(1, [session(2)]))
    expect(await t.store.expire('acme', Number.MAX_SAFE_INTEGER)).toBe(2)
    expect(await send()).toBe(1)
    await t.send('acme', 2, batch(2, [session(2)]))
    expect(await rows()).toHaveLength(2)
    // The run is still that of its meter.
    await t.send('acme', 2, batch(1, [session(3)], { meterId: 'another' }))
    expect(await rows()).toHaveLength(2)
  })

  test('it deletes only of the organisation that asked, and by the end of the session', async () => {
    const long = { startTimeUs: t.nowUs - 40 * DAY_US, endTimeUs: t.nowUs - DAY_US }
    await t.send('acme', 1, batch(1, [session(1, long)]))
    await t.send('other', 1, batch(1, [session(2, { ...long, endTimeUs: long.startTimeUs })]))
    expect(await t.store.expire('acme', t.nowUs - 30 * DAY_US)).toBe(0)
    expect(await rows('other')).toHaveLength(1)
  })

  test('the space of deleted sessions is used again', async () => {
    const many = (from: number) => Array.from({ length: 5000 }, (_, i) => session(from + i))
    const fill = async (round: number) => {
      for (let b = 0; b < 4; b++)
        await t.send('acme', 1, batch(round * 4 + b + 1, many(round * 20_000 + b * 5000)))
    }
    await fill(0)
    await t.reopen()
    const once = t.store.stats().fileBytes
    for (let round = 1; round < 4; round++) {
      expect(await t.store.expire('acme', Number.MAX_SAFE_INTEGER)).toBe(20_000)
      await t.reopen()
      await fill(round)
      await t.reopen()
    }
    // Without it the file would be four times as large.
    expect(t.store.stats().fileBytes).toBeLessThan(3 * once)
  })
})

describe('names', () => {
  const catalog = (name: string | null) => ({
    clients: name === null ? [] : [{ clientId: 1, name, addresses: [] }],
    users: [],
    sites: [],
    resources: [],
  })

  test('are the current ones; deleted ones stay for old rows; a stale ETag changes nothing', async () => {
    await t.send('acme', 1, batch(1, [session(1)]))
    await t.send('other', 1, batch(1, [session(1)]))
    const first = await t.store.putCatalog('acme', catalog('Anna'))
    expect((await rows())[0]!.clientName).toBe('Anna')
    expect((await rows('other'))[0]!.clientName).toBeNull()
    await t.store.putCatalog('acme', catalog('Berta'), [first!.etag])
    expect(await t.store.putCatalog('acme', catalog('Carla'), [first!.etag])).toBeNull()
    expect((await rows())[0]!.clientName).toBe('Berta')
    await t.store.putCatalog('acme', catalog(null))
    expect((await rows())[0]!.clientName).toBe('Berta')
    expect((await t.store.catalog('acme')).catalog.clients).toEqual([])
  })
})
