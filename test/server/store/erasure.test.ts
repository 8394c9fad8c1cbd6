/** Erasing a person beside meters that go on: totals stay exact, no batch fails, no trace of the id stays in the sums. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { GroupCommit } from '../../../src/server/store/duckdb/write/group-commit.js'
import { batch, report, session } from '../../support/batches.js'
import { ALWAYS, TestStore } from '../../support/store.js'

let t: TestStore
beforeEach(async () => {
  t = await TestStore.open()
  t.nowUs = Date.now() * 1e3
})
afterEach(() => t.close())

const OTTO = { clientId: 3, userId: 'otto' }
const alive = () => ({ report: report({ at: new Date().toISOString() }) })

async function usageByUser(): Promise<Record<string, number[]>> {
  const asked = { fromMonth: '1970-01', toMonth: '2199-12', groupBy: 'user' } as const
  const rows = await t.store.usage('acme', asked)
  return Object.fromEntries(rows.map((row) => [row.id, [row.sessions, row.bytesTx]]))
}

test('a session that is open comes back with its next report, once, and its totals with it', async () => {
  const open = session(1, { ...OTTO, endReason: 'activeTimeout', bytesTx: 1000 })
  await t.send('acme', 1, batch(1, [open], alive()))
  expect(await usageByUser()).toEqual({ otto: [1, 1000] })
  for (let again = 0; again < 3; again++) {
    expect(await t.store.erase('acme', { userId: 'otto' })).toBe(1)
    expect(await usageByUser()).toEqual({})
    const later = { ...open, bytesTx: 1500 + again, packetsTx: 20 + again }
    await t.send('acme', 1, batch(2 + again, [later], alive()))
  }
  const ended = { ...open, endReason: 'endOfFlowDetected', bytesTx: 2000, packetsTx: 40 } as const
  await t.send('acme', 1, batch(5, [ended], alive()))
  expect(await usageByUser()).toEqual({ otto: [1, 2000] })
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
    for (let i = 0; i < 5; i++) await t.store.erase('acme', { userId: 'otto' })
  } finally {
    isErasing = false
    await reporting
  }
  await send()
  expect(await t.store.count('acme', ALWAYS)).toBe(200)
})

test('the sums by the hour in the file have the id no more', async () => {
  const sessions = Array.from({ length: 500 }, (_, i) => session(i + 1, OTTO))
  await t.send('acme', 1, batch(1, [...sessions, session(501, { userId: 'max' })], alive()))
  await t.store.erase('acme', { userId: 'otto' })
  await t.store.close()
  const file = await DuckDBInstance.create(join(t.directory, 'sessions.duckdb'))
  const connection = await file.connect()
  const found = await connection.runAndReadAll('SELECT DISTINCT id FROM rollup_hour')
  const ids = found.getRows().map(([id]) => id)
  connection.closeSync()
  file.closeSync()
  await t.reopen()
  expect(ids).toContain('max')
  expect(ids).not.toContain('otto')
})

const inLog = (text: string) =>
  readdirSync(join(t.directory, 'log')).some((name) =>
    readFileSync(join(t.directory, 'log', name)).includes(text),
  )

test('the log has the person no more, and a start brings nobody back', async () => {
  await t.send('acme', 1, batch(1, [session(1, OTTO), session(2)], alive()))
  expect(inLog('otto')).toBe(true)
  expect(await t.store.erase('acme', { userId: 'otto' })).toBe(1)
  expect(inLog('otto')).toBe(false)
  await t.reopen()
  expect(await t.store.count('acme', ALWAYS)).toBe(1)
})

test('what the database has not taken yet could come back: nothing is erased then', async () => {
  await t.send('acme', 1, batch(1, [session(1, OTTO)], alive()))
  const refusing = vi
    .spyOn(GroupCommit.prototype, 'commit')
    .mockRejectedValue(new Error('IO Error: No space left on device'))
  await t.send('acme', 1, batch(2, [session(2, OTTO)], alive()))
  const asked = t.store.erase('acme', { userId: 'otto' })
  await expect(asked).rejects.toMatchObject({ code: 'STORE_BUSY' })
  expect(inLog('otto')).toBe(true)
  refusing.mockRestore()
  expect(await t.store.erase('acme', { userId: 'otto' })).toBe(2)
  expect(inLog('otto')).toBe(false)
})

test('a loss stays as long as what is beside it is kept, whatever its cause', async () => {
  const DAY_US = 86_400e6
  const startTimeUs = t.nowUs - 500 * DAY_US
  const old = { startTimeUs, endTimeUs: startTimeUs + 1e6 }
  const at = new Date(startTimeUs / 1e3).toISOString()
  const full = { reason: 'spoolFull', sessions: 3, from: at, to: at }
  await t.send(
    'acme',
    1,
    batch(1, [session(1, { ...OTTO, ...old }), session(2, old)], { ...alive(), gaps: [full] }),
  )
  await t.store.erase('acme', { userId: 'otto' })
  const lost = async () => {
    const gaps = await t.store.gaps('acme', startTimeUs - DAY_US, startTimeUs + DAY_US)
    return gaps.map(({ reason }) => reason).sort()
  }
  await t.store.expireUsage('2020-01')
  expect(await lost()).toEqual(['erased', 'spoolFull'])
  await t.store.expire('acme', t.nowUs - 400 * DAY_US)
  await t.store.expireUsage('2020-01')
  expect(await lost()).toEqual([])
})

const rowsOfAll = async () => {
  const page = await t.store.page('acme', {
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
  const asked = { filter: ALWAYS, groupBy: 'user', interval: null, top: 9, sort: 'bytes' } as const
  const before = await t.store.summary('acme', asked)
  expect(await t.store.pseudonymise('acme', { userId: 'otto' }, ['10.8.0.3'])).toBe(4)
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
  expect(await t.store.count('acme', { ...ALWAYS, userIds: [userId!] })).toBe(4)
  expect(await t.store.count('acme', { ...ALWAYS, clientIds: [clientId!] })).toBe(4)
  const after = await t.store.summary('acme', asked)
  expect(after.totals).toEqual(before.totals)
  const sums = new Map(before.groups.map((group) => [group.id, group.sessions]))
  expect(new Map(after.groups.map((group) => [group.id, group.sessions]))).toEqual(
    new Map([...sums].map(([id, n]) => [id === 'otto' ? userId : id, n])),
  )
  expect(await t.store.gaps('acme', 0, 2 * t.nowUs)).toEqual([])
  // A second deed gives other ones.
  await t.send('acme', 1, batch(2, [session(6, home)], alive()))
  expect(await t.store.pseudonymise('acme', { userId: 'otto' }, [])).toBe(1)
  const later = (await rowsOfAll()).filter((row) => row.sessionId.endsWith('6'))[0]!
  expect([later.userId, later.clientId, later.sourceIp]).not.toContain(userId)
  expect(later.sourceIp).not.toBe(four)
  await t.reopen()
  expect(await t.store.count('acme', { ...ALWAYS, userIds: [userId!] })).toBe(4)
})

test('pseudonyms: at the other end of somebody else’s session, too, and only there', async () => {
  const toOtto = {
    ...{ clientId: 4, userId: 'max', sourceIp: '10.8.0.4', destIp: '10.8.0.3' },
    ...{ otherClientId: 3, otherUserId: 'otto', seenTwice: true },
  }
  await t.send('acme', 1, batch(1, [session(1, toOtto), session(2, OTTO)], alive()))
  expect(await t.store.pseudonymise('acme', { userId: 'otto' }, [])).toBe(2)
  const [ofMax, own] = await rowsOfAll()
  expect(ofMax).toMatchObject({ clientId: 4, userId: 'max', sourceIp: '10.8.0.4' })
  expect(ofMax!.destIp).toMatch(/^24[0-7]\./)
  expect([ofMax!.otherClientId, ofMax!.otherUserId]).toEqual([own!.clientId, own!.userId])
  expect(ofMax!.otherUserId).toMatch(/^pseudonym-/)
})

test('pseudonyms: sums by the hour that were made before are under them, and what was deleted by retention, too', async () => {
  const sessions = Array.from({ length: 500 }, (_, i) => session(i + 1, OTTO))
  await t.send('acme', 1, batch(1, sessions, alive()))
  await t.store.expire('acme', sessions[100]!.endTimeUs)
  const before = await usageByUser()
  await t.store.pseudonymise('acme', { clientId: 3 }, [])
  const after = await usageByUser()
  expect(Object.values(after)).toEqual(Object.values(before))
  expect(Object.keys(after)).toEqual([expect.stringMatching(/^pseudonym-/)])
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
      expect(await t.store.erase('acme', { userId: 'otto' })).toBe(1)
      expect(await usageByUser()).toEqual({ null: [1, 1000] })
      await returns()
      expect([await t.store.count('acme', ALWAYS), await usageByUser()]).toEqual([
        0,
        { null: [1, 1000] },
      ])
      await t.reopen()
      await send(5, 1, [{ ...later, packetsTx: 60 }])
      expect(await t.store.count('acme', ALWAYS)).toBe(0)
    },
  )

  test.each(Object.entries(ways))(
    '%s: under a pseudonym, it gets no name again',
    async (_way, interrupt) => {
      await send(1, 1, [open])
      await interrupt()
      expect(await t.store.pseudonymise('acme', { userId: 'otto' }, [])).toBe(1)
      await returns()
      const [row, ...more] = await rowsOfAll()
      expect(more).toEqual([])
      expect([row!.userId, row!.bytesTx]).toEqual([expect.stringMatching(/^pseudonym-/), 1000])
    },
  )

  test('of a site whose sessions an operator deleted: the same, of open ones too', async () => {
    await send(1, 1, [open])
    expect(await t.store.removeSessions('acme', 1)).toBe(1)
    expect(await usageByUser()).toEqual({ otto: [1, 1000] })
    await send(2, 1, [later, session(2, { userId: 'max' })])
    await send(3, 1, [{ ...later, endReason: 'endOfFlowDetected', packetsTx: 50 }])
    expect((await rowsOfAll()).map(({ userId }) => userId)).toEqual(['max'])
    expect((await usageByUser()).otto).toEqual([1, 1000])
  })
})
