/**
 * Persons are erased, or get pseudonyms, beside meters that go on, in every engine: totals stay exact, nothing comes back,
 * and no batch fails.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Gap, SessionLog } from '../../../../src/server/store/store.js'
import type { Batch } from '../../../../src/session/batch.js'
import { batch, report, session } from '../../../support/batches.js'
import { whyNoClickHouse } from '../../../support/clickhouse.js'
import { ClickHouseStore } from '../../../support/clickhouse-store.js'
import { ALWAYS, stored, TestStore } from '../../../support/store.js'

interface Engine {
  readonly log: SessionLog
  nowUs: number
  send(orgId: string, siteId: number, batch: Batch): Promise<unknown>
  gaps(orgId: string): Promise<readonly Pick<Gap, 'reason' | 'sessions'>[]>
  reopen(): Promise<void>
  close(): Promise<void>
}

async function duckdb(): Promise<Engine> {
  const t = await TestStore.open()
  return {
    get log() {
      return t.store
    },
    get nowUs() {
      return t.nowUs
    },
    set nowUs(us) {
      t.nowUs = us
    },
    send: (orgId, siteId, one) => t.send(orgId, siteId, one),
    gaps: (orgId) => t.store.gaps(orgId, 0, 2 * t.nowUs),
    reopen: () => t.reopen(),
    close: () => t.close(),
  }
}

async function clickhouse(): Promise<Engine> {
  const t = await ClickHouseStore.open()
  return {
    get log() {
      return t.sessions
    },
    get nowUs() {
      return t.nowUs
    },
    set nowUs(us) {
      t.nowUs = us
    },
    send: (orgId, siteId, one) => {
      const sessions = one.sessions.map((s) => stored(s, orgId, siteId, one.meterId))
      return t.write({ orgId, siteId, batch: one, sessions })
    },
    gaps: (orgId) => t.gaps(orgId),
    reopen: () => t.reopen(),
    close: () => t.close(),
  }
}

const missing = whyNoClickHouse()
const OTTO = { clientId: 3, userId: 'otto' }
const alive = () => ({ report: report({ at: new Date().toISOString() }) })

describe.each([
  ['duckdb', duckdb],
  ['clickhouse', clickhouse],
] as const)('%s', (name, open) => {
  const isMissing = name === 'clickhouse' && missing !== null
  let t: Engine
  beforeEach(async (context) => {
    if (isMissing) context.skip(missing)
    t = await open()
    t.nowUs = Date.now() * 1e3
  })
  afterEach(() => t?.close())

  async function usageByUser(): Promise<Record<string, number[]>> {
    const asked = { fromMonth: '1970-01', toMonth: '2199-12', groupBy: 'user' } as const
    const rows = await t.log.usage('acme', asked)
    return Object.fromEntries(rows.map((row) => [row.id, [row.sessions, row.bytesTx]]))
  }

  test('a session that is open comes back with its next report, once, and its totals with it', async () => {
    const open = session(1, { ...OTTO, endReason: 'activeTimeout', bytesTx: 1000 })
    await t.send('acme', 1, batch(1, [open], alive()))
    expect(await usageByUser()).toEqual({ otto: [1, 1000] })
    for (let again = 0; again < 3; again++) {
      expect(await t.log.erase('acme', { userId: 'otto' })).toBe(1)
      expect(await usageByUser()).toEqual({})
      const later = { ...open, bytesTx: 1500 + again, packetsTx: 20 + again }
      await t.send('acme', 1, batch(2 + again, [later], alive()))
    }
    const ended = { ...open, endReason: 'endOfFlowDetected', bytesTx: 2000, packetsTx: 40 } as const
    await t.send('acme', 1, batch(5, [ended], alive()))
    expect(await usageByUser()).toEqual({ otto: [1, 2000] })
  })

  test('a session that is open and gets a pseudonym loses nothing of its next reports', async () => {
    const open = session(1, { ...OTTO, endReason: 'activeTimeout', bytesTx: 1000 })
    await t.send('acme', 1, batch(1, [open], alive()))
    expect(await t.log.pseudonymise('acme', { userId: 'otto' }, [])).toBe(1)
    const ended = { ...open, endReason: 'endOfFlowDetected', bytesTx: 2000, packetsTx: 40 } as const
    await t.send('acme', 1, batch(2, [ended], alive()))
    expect(Object.values(await usageByUser())).toEqual([[1, 2000]])
    expect(await t.gaps('acme')).toEqual([])
  })

  test('of a meter that reports all the while, no batch fails, and erasing goes on', async () => {
    const open = Array.from({ length: 200 }, (_, i) =>
      session(i + 1, { ...OTTO, endReason: 'activeTimeout' }),
    )
    let number = 0
    const send = () => {
      number++
      const sessions = open.map((s) => ({ ...s, packetsTx: 10 + number }))
      return t.send('acme', 1, batch(number, sessions, alive()))
    }
    await send()
    let isErasing = true
    const reporting = (async () => {
      while (isErasing) await send()
    })()
    try {
      for (let i = 0; i < 5; i++) await t.log.erase('acme', { userId: 'otto' })
    } finally {
      isErasing = false
      await reporting
    }
    await send()
    expect(await t.log.count('acme', ALWAYS)).toBe(200)
  })

  const rowsOfAll = async () => {
    const page = await t.log.page('acme', {
      filter: ALWAYS,
      sort: { key: 'startTime', descending: false },
      limit: 100,
      offset: 0,
    })
    return page.rows
  }

  test('pseudonyms: the same within one deed, others in the next, in filters like any other; all sums stay', async () => {
    const home = { ...OTTO, sourceIp: '10.8.0.3' }
    const sessions = [
      session(1, {
        ...home,
        peerPublicKey: 'a'.repeat(43).concat('='),
        clientEndpoint: '192.0.2.9:1',
      }),
      session(2, { ...home, sourceIp: 'fd00::3' }),
      session(3, { ...OTTO, sourceIp: '10.0.0.9', destIp: '10.8.0.3' }),
      session(4, { clientId: 4, userId: 'max', sourceIp: '10.8.0.4' }),
      session(5, { ...home, endReason: 'activeTimeout' }),
    ]
    await t.send('acme', 1, batch(1, sessions, alive()))
    const asked = {
      filter: ALWAYS,
      groupBy: 'user',
      interval: null,
      top: 9,
      sort: 'bytes',
    } as const
    const before = await t.log.summary('acme', asked)
    expect(await t.log.pseudonymise('acme', { userId: 'otto' }, ['10.8.0.3'])).toBe(4)
    const rows = await rowsOfAll()
    const text = JSON.stringify(rows)
    for (const trace of ['otto', '10.8.0.3', 'fd00::3', 'aaaa', '192.0.2.9'])
      expect(text).not.toContain(trace)
    const theirs = rows.filter(({ userId }) => userId !== 'max')
    const [{ userId, clientId }] = theirs as [(typeof theirs)[number]]
    expect(userId).toMatch(/^pseudonym-[0-9a-f]{16}$/)
    expect(new Set(theirs.map((row) => `${row.userId} ${row.clientId}`)).size).toBe(1)
    expect(clientId).toBeGreaterThan(2 ** 52)
    const bySequence = new Map(rows.map((row) => [row.sessionId.slice(-1), row]))
    const four = bySequence.get('1')!.sourceIp
    expect(four).toMatch(/^24[0-7]\./)
    expect(bySequence.get('3')).toMatchObject({ sourceIp: '10.0.0.9', destIp: four })
    expect(bySequence.get('2')!.sourceIp).toMatch(/^100::f/)
    const volume = ({ bytesTx, payloadTx }: (typeof sessions)[number]) => [bytesTx, payloadTx]
    const sorted = (list: number[][]) => list.sort((a, b) => a[0]! - b[0]!)
    expect(sorted(rows.map((row) => [row.bytesTx!, row.payloadTx!]))).toEqual(
      sorted(sessions.map(volume) as number[][]),
    )
    expect(await t.log.count('acme', { ...ALWAYS, userIds: [userId!] })).toBe(4)
    expect(await t.log.count('acme', { ...ALWAYS, clientIds: [clientId!] })).toBe(4)
    const after = await t.log.summary('acme', asked)
    expect(after.totals).toEqual(before.totals)
    const sums = new Map(before.groups.map((group) => [group.id, group.sessions]))
    expect(new Map(after.groups.map((group) => [group.id, group.sessions]))).toEqual(
      new Map([...sums].map(([id, n]) => [id === 'otto' ? userId : id, n])),
    )
    expect(await t.gaps('acme')).toEqual([])
    // A second deed gives other ones.
    await t.send('acme', 1, batch(2, [session(6, home)], alive()))
    expect(await t.log.pseudonymise('acme', { userId: 'otto' }, [])).toBe(1)
    const later = (await rowsOfAll()).filter((row) => row.sessionId.endsWith('6'))[0]!
    expect([later.userId, later.clientId, later.sourceIp]).not.toContain(userId)
    expect(later.sourceIp).not.toBe(four)
    await t.reopen()
    expect(await t.log.count('acme', { ...ALWAYS, userIds: [userId!] })).toBe(4)
  })

  test('pseudonyms: at the other end of somebody else’s session, too, and only there', async () => {
    const toOtto = {
      ...{ clientId: 4, userId: 'max', sourceIp: '10.8.0.4', destIp: '10.8.0.3' },
      ...{ otherClientId: 3, otherUserId: 'otto', seenTwice: true },
    }
    await t.send('acme', 1, batch(1, [session(1, toOtto), session(2, OTTO)], alive()))
    expect(await t.log.pseudonymise('acme', { userId: 'otto' }, [])).toBe(2)
    const [ofMax, own] = await rowsOfAll()
    expect(ofMax).toMatchObject({ clientId: 4, userId: 'max', sourceIp: '10.8.0.4' })
    expect(ofMax!.destIp).toMatch(/^24[0-7]\./)
    expect([ofMax!.otherClientId, ofMax!.otherUserId]).toEqual([own!.clientId, own!.userId])
    expect(ofMax!.otherUserId).toMatch(/^pseudonym-/)
  })

  describe('an interrupted session of a run that returns', () => {
    const HOUR_US = 3600e6
    const run = (hour: number, minute = 0) =>
      report({
        startedAt: `2026-11-22T0${hour}:00:00.000Z`,
        at: `2026-11-22T0${hour}:${10 + minute}:00.000Z`,
      })
    const open = session(1, { ...OTTO, endReason: 'activeTimeout', bytesTx: 1000 })
    const later = { ...open, bytesTx: 3000, packetsTx: 40 }
    const send = (number: number, hour: number, sessions: readonly (typeof open)[]) =>
      t.send('acme', 1, batch(number, sessions, { spoolId: 's', report: run(hour, number) }))
    /** Its end is not known: another run has followed, or nothing has come for long. */
    const ways = {
      'that another one has followed': () => send(2, 2, []),
      'that was silent': async () => {
        t.nowUs += 2 * HOUR_US
      },
    }
    /** Late: an interim report, then the end. */
    const returns = async () => {
      await send(3, 1, [later])
      await send(4, 1, [{ ...later, endReason: 'endOfFlowDetected', packetsTx: 50 }])
    }

    test.each(Object.entries(ways))(
      '%s: erased, it neither comes back nor counts again',
      async (_way, interrupt) => {
        await send(1, 1, [open])
        await interrupt()
        expect(await t.log.erase('acme', { userId: 'otto' })).toBe(1)
        expect(await usageByUser()).toEqual({ null: [1, 1000] })
        await returns()
        expect([await t.log.count('acme', ALWAYS), await usageByUser()]).toEqual([
          0,
          { null: [1, 1000] },
        ])
        await t.reopen()
        await send(5, 1, [{ ...later, packetsTx: 60 }])
        expect(await t.log.count('acme', ALWAYS)).toBe(0)
      },
    )

    const NO_NAME = [expect.stringMatching(/^pseudonym-/), 1000]
    test.each([
      ['that another one has followed', 'it gets no name again', NO_NAME],
      // Nothing says that it has ended: what comes later is stored under the person.
      ['that was silent', 'it goes on under the person', ['otto', 3000]],
    ] as const)('%s: under a pseudonym, %s', async (way, _what, expected) => {
      await send(1, 1, [open])
      await ways[way]()
      expect(await t.log.pseudonymise('acme', { userId: 'otto' }, [])).toBe(1)
      await returns()
      const [row, ...more] = await rowsOfAll()
      expect(more).toEqual([])
      expect([row!.userId, row!.bytesTx]).toEqual(expected)
    })

    test('of a site whose sessions an operator deleted: the same, of open ones too', async () => {
      await send(1, 1, [open])
      expect(await t.log.removeSessions('acme', 1)).toBe(1)
      expect(await usageByUser()).toEqual({ otto: [1, 1000] })
      await send(2, 1, [later, session(2, { userId: 'max' })])
      await send(3, 1, [{ ...later, endReason: 'endOfFlowDetected', packetsTx: 50 }])
      expect((await rowsOfAll()).map(({ userId }) => userId)).toEqual(['max'])
      expect((await usageByUser()).otto).toEqual([1, 1000])
    })
  })
})
