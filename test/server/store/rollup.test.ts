/**
 * Sums by the hour against an array: whatever arrives, is revised, deleted or erased, in whatever order with roll-ups,
 * compaction and restarts, the totals are those of the sessions that are there.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Session } from '../../../src/session/session.js'
import { runPrefix, sessionId } from '../../../src/session/session-id.js'
import { batch, session } from '../../support/batches.js'
import { rounds } from '../../support/rounds.js'
import { ALWAYS, TestStore } from '../../support/store.js'

const HOUR_US = 3600e6
const START_US = Date.UTC(2026, 9, 31, 20) * 1e3
const RUN = runPrefix(Date.UTC(2026, 9, 31), new Uint8Array([7, 0, 0, 0, 9]))

interface Given {
  readonly sequence: number
  readonly hour: number
  readonly minute: number
  readonly client: number | null
  readonly packets: number
  readonly state: 'S0' | 'SF' | 'REJ'
}
type Step =
  | { readonly kind: 'batch'; readonly given: readonly Given[] }
  | { readonly kind: 'expire'; readonly hour: number }
  | { readonly kind: 'erase'; readonly client: number }
  | { readonly kind: 'restart' }

const given = fc.record({
  sequence: fc.integer({ min: 1, max: 30 }),
  hour: fc.nat(9),
  minute: fc.nat(59),
  client: fc.option(fc.integer({ min: 1, max: 3 }), { nil: null }),
  packets: fc.integer({ min: 1, max: 4 }),
  state: fc.constantFrom('S0' as const, 'SF' as const, 'REJ' as const),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('batch' as const),
      given: fc.uniqueArray(given, { selector: (g) => g.sequence, minLength: 1, maxLength: 12 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('expire' as const), hour: fc.nat(6) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('erase' as const),
      client: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
)

function sessionOf(g: Given): Session {
  const startTimeUs = START_US + g.hour * HOUR_US + g.minute * 60e6
  return session(g.sequence, {
    sessionId: sessionId(RUN, g.sequence),
    startTimeUs,
    endTimeUs: startTimeUs + 1e6,
    clientId: g.client,
    packetsTx: g.packets,
    packetsRx: 0,
    bytesTx: 100 * g.packets,
    bytesRx: 7,
    payloadTx: 0,
    payloadRx: 0,
    connState: g.state,
  })
}

let real: TestStore
let run = 0
beforeAll(async () => {
  real = await TestStore.open(7)
})
afterAll(() => real.close())

const total = (sessions: readonly Session[]) => ({
  sessions: sessions.length,
  connections: sessions.length,
  bytesTx: sessions.reduce((n, s) => n + s.bytesTx, 0),
  bytesRx: 7 * sessions.length,
  packetsTx: sessions.reduce((n, s) => n + s.packetsTx, 0),
  packetsRx: 0,
})

function expectedGroups(sessions: readonly Session[]) {
  const clients = [...new Set(sessions.map((s) => s.clientId))]
  return clients
    .map((id) => ({
      id: id === null ? null : String(id),
      ...total(sessions.filter((s) => s.clientId === id)),
    }))
    .sort((a, b) => String(a.id).localeCompare(String(b.id)))
}

async function idsIn(orgId: string): Promise<Set<string>> {
  const ids = new Set<string>()
  const byTime = { key: 'startTime', descending: false } as const
  for await (const rows of real.store.rows(orgId, ALWAYS, byTime))
    for (const { sessionId } of rows) ids.add(sessionId)
  return ids
}

async function compare(orgId: string, kept: readonly Session[], everKept: readonly Session[]) {
  // A range that cuts hours at both ends, and one that cuts none.
  for (const [from, to] of [
    [0.5, 7.25],
    [0, 10],
    [2.1, 2.9],
  ] as const) {
    const filter = { fromUs: START_US + from * HOUR_US, toUs: START_US + to * HOUR_US }
    const inRange = kept.filter(
      (s) => s.startTimeUs >= filter.fromUs && s.startTimeUs < filter.toUs,
    )
    const summary = await real.store.summary(orgId, {
      filter,
      groupBy: 'client',
      interval: 'hour',
      top: 10,
      sort: 'bytes',
    })
    expect(summary.totals).toEqual({
      ...total(inRange),
      open: 0,
      refused: inRange.filter((s) => s.connState === 'REJ').length,
      unanswered: inRange.filter((s) => s.connState === 'S0').length,
    })
    const groups = summary.groups.map(({ name: _, other: __, ...group }) => group)
    groups.sort((a, b) => String(a.id).localeCompare(String(b.id)))
    expect(groups).toEqual(expectedGroups(inRange))
    expect(await real.store.count(orgId, { ...filter, clientIds: [1, null] })).toBe(
      inRange.filter((s) => s.clientId === 1 || s.clientId === null).length,
    )
    const { connStates } = await real.store.attributes(orgId, filter)
    expect(connStates.reduce((n, c) => n + c.count, 0)).toBe(inRange.length)
  }
  const usage = await real.store.usage(orgId, {
    fromMonth: '2026-10',
    toMonth: '2026-11',
    groupBy: 'client',
  })
  expect(usage.reduce((n, row) => n + row.packetsTx, 0)).toBe(total(everKept).packetsTx)
  expect(await real.store.count(orgId, ALWAYS)).toBe(kept.length)
}

test('sums by the hour agree with an array', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 10 }), async (steps) => {
      const orgId = `r${++run}`
      let number = 0
      const kept = new Map<string, Session>()
      const deleted: Session[] = []
      for (const one of steps) {
        if (one.kind === 'restart') await real.reopen()
        else if (one.kind === 'expire') {
          const beforeUs = START_US + one.hour * HOUR_US
          await real.store.expire(orgId, beforeUs)
          for (const [id, s] of kept) {
            if (s.endTimeUs >= beforeUs) continue
            kept.delete(id)
            deleted.push(s)
          }
        } else if (one.kind === 'erase') {
          const its = [...kept.values()].filter((s) => s.clientId === one.client)
          expect(await real.store.erase(orgId, { clientId: one.client })).toBe(its.length)
          for (const s of its) kept.delete(s.sessionId)
          deleted.push(...its)
        } else {
          const sessions = one.given.map(sessionOf)
          await real.send(orgId, 1, batch(++number, sessions))
          // Sent again, what was deleted comes back or not: its id is known until the server forgets its page.
          const isThere = await idsIn(orgId)
          for (const s of sessions) {
            if (!isThere.has(s.sessionId)) {
              expect(deleted.map((d) => d.sessionId)).toContain(s.sessionId)
              continue
            }
            const old = kept.get(s.sessionId)
            if (old === undefined || s.packetsTx > old.packetsTx) kept.set(s.sessionId, s)
          }
        }
      }
      await compare(orgId, [...kept.values()], [...kept.values(), ...deleted])
    }),
    { numRuns: rounds(6, 12), endOnFailure: true },
  )
})
