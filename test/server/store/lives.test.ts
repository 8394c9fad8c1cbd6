/** Spools of one meter: their batches are told apart by spoolId and checksum, whatever their numbers are. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  CRCS_MAX,
  explainMissing,
  fateOf,
  GAPS_MAX,
  inTurns,
  markSeen,
  newLife,
} from '../../../src/server/store/meters/lives.js'
import { LIVES_MAX } from '../../../src/server/store/meters/meters.js'
import type { WriteReceipt } from '../../../src/server/store/store.js'
import type { Session } from '../../../src/session/session.js'
import { batch, report, session } from '../../support/batches.js'
import { ALWAYS, stored, TestStore } from '../../support/store.js'

let t: TestStore
beforeEach(async () => {
  t = await TestStore.open()
})
afterEach(() => t.close())

interface Sent {
  readonly spool?: string
  readonly number: number
  readonly crc?: number
  readonly sessions?: readonly Session[]
  readonly change?: Parameters<typeof batch>[2]
}

function send({ spool, number, crc, sessions = [], change = {} }: Sent): Promise<WriteReceipt> {
  const one = batch(number, sessions, { ...(spool !== undefined && { spoolId: spool }), ...change })
  return t.store.write({
    orgId: 'acme',
    siteId: 1,
    batch: { ...one, ...(crc !== undefined && { crc }) },
    sessions: sessions.map((s) => stored(s, 'acme', 1, one.meterId)),
  })
}
const made = (batch: number) => ({
  batch,
  report: report({ startedAt: new Date(0).toISOString(), at: new Date(0).toISOString() }),
})

const count = () => t.store.count('acme', ALWAYS)
const gaps = () => t.store.gaps('acme', 0, 2 * t.nowUs)
const lives = async () => (await t.store.meters('acme'))[0]!.lives

describe('a number that comes again', () => {
  test('with the same checksum is a repeat, with another one a conflict, after a restart too', async () => {
    await send({ spool: 'a', number: 1, crc: 11, sessions: [session(1)] })
    for (const restart of [false, true]) {
      if (restart) await t.reopen()
      expect(await send({ spool: 'a', number: 1, crc: 11 })).toMatchObject({ repeated: true })
      const other = await send({ spool: 'a', number: 1, crc: 12, sessions: [session(2)] })
      expect(other).toEqual({ batch: 1, stored: 0, repeated: false, conflict: true })
    }
    expect(await count()).toBe(1)
  })

  test('twice in one group: the second is judged by the first', async () => {
    const receipts = await Promise.all([
      send({ spool: 'a', number: 1, crc: 11, sessions: [session(1)] }),
      send({ spool: 'a', number: 1, crc: 11, sessions: [session(1)] }),
      send({ spool: 'a', number: 1, crc: 12, sessions: [session(2)] }),
    ])
    expect(receipts.map((r) => [r.repeated, r.conflict ?? false])).toEqual([
      [false, false],
      [true, false],
      [false, true],
    ])
    expect(await count()).toBe(1)
  })

  test('of a meter that sends no spoolId is a repeat, whatever is in it', async () => {
    await send({ number: 1, crc: 11, sessions: [session(1)] })
    expect(await send({ number: 1, crc: 12 })).toMatchObject({ repeated: true })
  })

  test('older than the checksums that are kept is written again: by their ids, sessions are there once', () => {
    const life = newLife('a', 1, 0)
    for (let n = 1; n <= 2 * CRCS_MAX + 1; n++) markSeen(life, made(n), 0, n)
    expect(life.crcs.size).toBeLessThanOrEqual(2 * CRCS_MAX)
    expect([1, CRCS_MAX + 2].map((n) => fateOf(life, { ...made(n), crc: n }))).toEqual([
      'fresh',
      'repeated',
    ])
    expect(fateOf(life, { ...made(CRCS_MAX + 2), crc: 1 })).toBe('conflict')
  })
})

describe('a new spool under a known meter id', () => {
  test('has numbers of its own; a first one above 1 goes on with those of the spool before', async () => {
    await send({ spool: 'a', number: 1, crc: 1, sessions: [session(1)] })
    await send({ spool: 'b', number: 1, crc: 2, sessions: [session(2)] })
    const change = { firstBatch: 40 }
    await send({ spool: 'c', number: 41, crc: 3, sessions: [session(3)], change })
    expect(await count()).toBe(3)
    expect((await gaps()).map((g) => [g.fromBatch, g.toBatch])).toEqual([
      [2, 39],
      [40, 40],
    ])
    await t.reopen()
    expect((await lives()).map((l) => [l.spoolId, l.lastBatch]).sort()).toEqual([
      ['a', 1],
      ['b', 39],
      ['c', 41],
    ])
  })

  test('of a meter that had none before goes on above its numbers', async () => {
    for (const number of [1, 2]) await send({ number })
    await send({ spool: 'a', number: 3, crc: 1, change: { firstBatch: 3 } })
    expect(await gaps()).toEqual([])
    expect((await t.store.meters('acme'))[0]!.lastBatch).toBe(3)
  })

  test('may report losses among the numbers of the one before, its last ones too', async () => {
    await send({ spool: 'a', number: 1, crc: 1 })
    const span = { from: '2026-11-22T10:00:00Z', to: '2026-11-22T10:01:00Z' }
    const lost = {
      reason: 'spoolFull',
      sessions: 5,
      spoolId: 'a',
      fromBatch: 2,
      toBatch: 3,
      ...span,
    }
    await send({ spool: 'b', number: 4, crc: 2, change: { firstBatch: 4, gaps: [lost] } })
    expect((await gaps()).map((g) => [g.reason, g.sessions, g.fromBatch, g.toBatch])).toEqual([
      ['spoolFull', 5, 2, 3],
    ])
  })

  test('again and again: the longest silent one is forgotten, what was missing of it is not', async () => {
    for (let i = 0; i <= LIVES_MAX; i++) {
      t.nowUs += 1e6
      await send({ spool: `s${i}`, number: 2, crc: i })
    }
    const known = await lives()
    expect(known).toHaveLength(LIVES_MAX)
    expect(known.map((l) => l.spoolId)).not.toContain('s0')
    const all = await gaps()
    expect(all).toHaveLength(LIVES_MAX + 1)
    expect(all.filter((g) => g.fromBatch === null)).toHaveLength(1)
  })
})

describe('two spools at once', () => {
  /** @param hours that the meter's clock is ahead */
  const heard = async (spool: string, number: number, hours = 0, startedAt = '12:00') => {
    t.nowUs += 1e6
    const at = new Date(t.nowUs / 1e3 + hours * 3600e3).toISOString()
    const change = {
      report: report({ startedAt: `${at.slice(0, 11)}${startedAt}:00.000Z`, at }),
    }
    return (await send({ spool, number, crc: number, change })).twoLives ?? false
  }
  const back = async () => (await lives()).map(({ returnedAt }) => returnedAt !== null)

  test.each([-2, 0, 2])(
    'are noticed when they report in turns, with clocks %d hours apart',
    async (hours) => {
      const said: boolean[] = []
      for (let number = 1; number <= 3; number++) {
        said.push(await heard('a', number), await heard('b', number, hours))
        if (number === 2) await t.reopen()
      }
      expect(said).toEqual([false, false, false, true, true, true])
      expect(await back()).toEqual([true, true])
    },
  )

  test('are noticed among batches that the database does not have yet', async () => {
    const receipts = await Promise.all(
      ['a', 'b', 'a', 'b'].map((spool, i) => send({ spool, number: 1 + (i >> 1), crc: i })),
    )
    expect(receipts.map((r) => r.twoLives ?? false)).toEqual([false, false, false, true])
  })

  test('are not what a restart with a new disk is, one run with a new spoolId, or a spool put back', async () => {
    expect(await heard('a', 1)).toBe(false)
    expect(await heard('b', 1, -1, '11:00')).toBe(false)
    expect(await heard('b', 2, -1, '11:00')).toBe(false)
    expect(await heard('c', 1, -1, '11:00')).toBe(false)
    expect(await heard('a', 2)).toBe(false)
    expect(await heard('a', 3)).toBe(false)
    expect(await back()).toEqual([true, false, false])
  })

  test('are not those of which one is silent', () => {
    const [a, b] = [
      { spoolId: 'a', receivedUs: 10e6, returnedUs: 10e6 },
      { spoolId: 'b', receivedUs: 2000e6, returnedUs: 2000e6 },
    ]
    expect(inTurns([a, b], 601e6)).toEqual([a, b])
    expect(inTurns([a, b], 2000e6)).toEqual([])
  })
})

test('missing ranges have a bound, whatever makes them: jumps, explained losses, late batches', () => {
  const at = '2026-11-22T00:00:00.000Z'
  const life = newLife('a', 1, 0)
  markSeen(life, made(100_000), 0, 1)
  for (let n = 1; n <= 3 * GAPS_MAX; n++) {
    const told = { reason: 'spoolFull', sessions: 2, fromBatch: 10 * n, toBatch: 10 * n }
    expect(explainMissing(life, { ...told, from: at, to: at })).toBe(true)
    expect(life.missing.length).toBeLessThanOrEqual(GAPS_MAX)
  }
  for (let n = 3 * GAPS_MAX; n < 5 * GAPS_MAX; n++) markSeen(life, made(10 * n + 5), 0, 1)
  expect(life.missing.length).toBeLessThanOrEqual(GAPS_MAX)
  for (let n = 0; n < 2 * GAPS_MAX; n++) markSeen(life, made(100_002 + 2 * n), 0, 1)
  expect(life.missing.length).toBe(GAPS_MAX)
  // Every number that never came is still in one.
  const isMissing = (n: number) => life.missing.some((r) => r.from <= n && n <= r.to)
  expect([1, 99_999, 100_001, 103_999].map(isMissing)).toEqual([true, true, true, true])
})

test('a loss with numbers beyond the last one that came is missing from there', () => {
  const life = newLife('a', 1, 0)
  markSeen(life, made(1), 0)
  const span = { from: '2026-11-22T10:00:00Z', to: '2026-11-22T10:01:00Z' }
  expect(
    explainMissing(life, { reason: 'split', sessions: 0, fromBatch: 3, toBatch: 3, ...span }),
  ).toBe(true)
  expect(life.missing.map((r) => [r.from, r.to, r.reason])).toEqual([
    [2, 2, 'notHeard'],
    [3, 3, 'split'],
  ])
})

test('what the meter says of a time in which it did not run is kept with its loss', async () => {
  const detail = { interface: 'wg0', bytes: 12, peers: [{ publicKey: "k'", bytes: 5 }] }
  const span = { from: '2026-11-22T10:00:00.000Z', to: '2026-11-22T10:01:00.000Z' }
  const gap = { reason: 'unmetered', sessions: 0, ...span, ...detail }
  await send({ spool: 'a', number: 1, crc: 1, change: { gaps: [gap] } })
  await t.reopen()
  const nothing = { fromBatch: null, toBatch: null }
  expect(await gaps()).toEqual([{ siteId: 1, meterId: 'meter-1', ...nothing, ...gap }])
})
