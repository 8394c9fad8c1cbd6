/** What grew, what fell and what is new: as the rows have it, from hours or from rows. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Session } from '../../../src/session/session.js'
import { batch, report, session } from '../../support/batches.js'
import { rounds } from '../../support/rounds.js'
import { TestStore } from '../../support/store.js'

const START_US = Date.UTC(2026, 10, 20) * 1e3
const HOUR_US = 3600e6

let t: TestStore
const sessions = Array.from({ length: 300 }, (_, i) => {
  const startTimeUs = START_US + ((i * 7919) % 2880) * 60e6
  return session(i + 1, {
    startTimeUs,
    endTimeUs: startTimeUs + 1e6,
    clientId: i % 7 === 0 ? null : ((i * 13) % 9) + 1,
    siteResourceId: i % 11 === 0 ? null : ((i * i) % 37) + 1,
    bytesTx: (i * 977) % 5000,
    bytesRx: (i * 31) % 700,
    endReason: i % 29 === 0 ? 'activeTimeout' : 'endOfFlowDetected',
  })
})
beforeAll(async () => {
  t = await TestStore.open(50)
  const at = new Date(t.nowUs / 1e3).toISOString()
  await t.send('acme', 1, batch(1, sessions, { report: report({ at }) }))
  // Another organisation's sessions are no past of this one's.
  const others = sessions.map((one) => ({ ...one, startTimeUs: START_US - HOUR_US }))
  await t.send('other', 1, batch(1, others, { report: report({ at }) }))
  const { catalog } = await t.store.catalog('acme')
  await t.store.putCatalog('acme', {
    ...catalog,
    clients: [{ clientId: 2, name: 'laptop', userId: null, publicKey: null, addresses: [] }],
  } as never)
})
afterAll(() => t.close())

const ranges = fc
  .record({
    from: fc.integer({ min: 0, max: 47 * 60 }),
    minutes: fc.integer({ min: 30, max: 30 * 60 }),
    top: fc.integer({ min: 1, max: 10 }),
  })
  .map(({ from, minutes, top }) => {
    const fromUs = START_US + from * 60e6
    return { fromUs, toUs: fromUs + minutes * 60e6, top }
  })
const within = (fromUs: number, toUs: number) =>
  sessions.filter(({ startTimeUs: at }) => at >= fromUs && at < toUs)
const bytesOf = (list: readonly Session[]) =>
  list.reduce((sum, one) => sum + one.bytesTx! + one.bytesRx!, 0)

test('what grew and what fell against the range before, largest first', async () => {
  await fc.assert(
    fc.asyncProperty(ranges, async ({ fromUs, toUs, top }) => {
      const request = { filter: { fromUs, toUs }, groupBy: 'client', top, sort: 'bytes' } as const
      const { grown, fallen } = await t.store.changes('acme', request)
      const ids = [...new Set(sessions.map(({ clientId }) => clientId))]
      const all = ids.map((id) => {
        const of = (list: Session[]) => bytesOf(list.filter(({ clientId }) => clientId === id))
        const [now, before] = [of(within(fromUs, toUs)), of(within(2 * fromUs - toUs, fromUs))]
        return { id: id === null ? null : String(id), now, before, by: now - before }
      })
      const expected = (sign: number) =>
        all
          .filter(({ by }) => Math.sign(by) === sign)
          .sort((a, b) => Math.abs(b.by) - Math.abs(a.by))
          .slice(0, top)
          .map(({ by }) => by)
      const bytes = (one: { bytesTx: number; bytesRx: number }) => one.bytesTx + one.bytesRx
      const got = (list: typeof grown) => list.map(({ now, before }) => bytes(now) - bytes(before))
      expect(got(grown)).toEqual(expected(1))
      expect(got(fallen)).toEqual(expected(-1))
      for (const { id, name, now, before } of [...grown, ...fallen]) {
        const one = all.find((group) => group.id === id)
        expect([now, before].map(bytes)).toEqual([one?.now, one?.before])
        expect(name).toBe(id === '2' ? 'laptop' : null)
      }
    }),
    { numRuns: rounds(25, 300) },
  )
})

test('pairs that are new: those without an earlier session, newest first', async () => {
  const pairOf = ({ clientId, siteResourceId }: Session) => `${clientId} ${siteResourceId}`
  const named = ({ clientId, siteResourceId }: Session) =>
    clientId !== null && siteResourceId !== null
  await fc.assert(
    fc.asyncProperty(ranges, async ({ fromUs, toUs, top }) => {
      const request = {
        filter: { fromUs, toUs },
        groups: ['client', 'resource'],
        limit: top,
      } as const
      const { total, pairs } = await t.store.newPairs('acme', request)
      const old = new Set(within(0, fromUs).map(pairOf))
      const found = within(fromUs, toUs).filter((one) => named(one) && !old.has(pairOf(one)))
      const firsts = new Map<string, Session[]>()
      for (const one of found) firsts.set(pairOf(one), [...(firsts.get(pairOf(one)) ?? []), one])
      expect(total).toBe(pairs.length === 0 ? 0 : firsts.size)
      expect(pairs.length).toBe(Math.min(top, firsts.size))
      for (const { ids, firstUs, sessions: count, bytesTx, bytesRx } of pairs) {
        const list = firsts.get(ids.join(' '))!
        expect([firstUs, count, bytesTx + bytesRx]).toEqual([
          Math.min(...list.map(({ startTimeUs }) => startTimeUs)),
          list.length,
          bytesOf(list),
        ])
      }
      const times = pairs.map(({ firstUs }) => firstUs)
      const newest = [...firsts.values()]
        .map((list) => Math.min(...list.map(({ startTimeUs }) => startTimeUs)))
        .sort((a, b) => b - a)
      expect(times).toEqual(newest.slice(0, top))
    }),
    { numRuns: rounds(25, 300) },
  )
})
