/** Bars over time: from hours or from rows, they count what the rows say, each session once. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { barsOf } from '../../../src/server/store/bars.js'
import { OUTCOME_STATES, type OutcomeGroup } from '../../../src/session/outcome-groups.js'
import { CONN_STATES, type Session } from '../../../src/session/session.js'
import { batch, report, session } from '../../support/batches.js'
import { rounds } from '../../support/rounds.js'
import { TestStore } from '../../support/store.js'

const HOUR_US = 3600e6
const START_US = Date.UTC(2026, 10, 20) * 1e3

const groupOf = (one: Session): OutcomeGroup => {
  if (one.endReason === 'activeTimeout') return 'open'
  const is = (states: readonly string[]) => states.includes(String(one.connState))
  return is(OUTCOME_STATES.failed) ? 'failed' : is(OUTCOME_STATES.reset) ? 'reset' : 'closed'
}

describe('bars', () => {
  test('are at most as many as were asked for, cover the range, and begin at the zone’s multiples', () => {
    const most = fc.integer({ min: 2, max: 200 })
    const time = fc.integer({ min: 0, max: 7_258_118_400 }).map((s) => s * 1e6)
    fc.assert(
      fc.property(time, time, most, fc.integer({ min: -840, max: 840 }), (a, b, bars, minutes) => {
        const [fromUs, toUs] = [Math.min(a, b), Math.max(a, b) + 1]
        const { originUs, widthUs, count } = barsOf({ fromUs, toUs }, bars, minutes * 60e6)
        expect(count).toBeLessThanOrEqual(bars)
        expect(originUs).toBeLessThanOrEqual(fromUs)
        expect(originUs + widthUs).toBeGreaterThan(fromUs)
        expect(originUs + count * widthUs).toBeGreaterThanOrEqual(toUs)
        expect(Math.abs((originUs + minutes * 60e6) % widthUs)).toBe(0)
      }),
      { numRuns: rounds(200, 2000) },
    )
  })
})

describe('a histogram', () => {
  let t: TestStore
  const sessions = Array.from({ length: 300 }, (_, i) => {
    const startTimeUs = START_US + ((i * 7919) % 2880) * 60e6
    return session(i + 1, {
      startTimeUs,
      endTimeUs: startTimeUs + 1e6,
      clientId: (i % 3) + 1,
      connState: CONN_STATES[i % CONN_STATES.length]!,
      endReason: i % 29 === 0 ? 'activeTimeout' : 'endOfFlowDetected',
    })
  })
  beforeAll(async () => {
    t = await TestStore.open(50)
    const at = new Date(t.nowUs / 1e3).toISOString()
    await t.send('acme', 1, batch(1, sessions, { report: report({ at }) }))
    await t.send('other', 1, batch(1, sessions.slice(0, 10), { report: report({ at }) }))
  })
  afterAll(() => t.close())

  const ranges = fc.record({
    from: fc.integer({ min: 0, max: 47 * 60 }),
    minutes: fc.integer({ min: 1, max: 48 * 60 }),
    bars: fc.integer({ min: 2, max: 100 }),
    offset: fc.constantFrom(0, 60, -330),
    client: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
  })

  test('counts each session of the range once, in its bar, by how it went', async () => {
    await fc.assert(
      fc.asyncProperty(ranges, async ({ from, minutes, bars, offset, client }) => {
        const fromUs = START_US + from * 60e6
        const toUs = fromUs + minutes * 60e6
        const filter = { fromUs, toUs, ...(client !== undefined && { clientIds: [client] }) }
        const got = await t.store.histogram('acme', { filter, bars, offsetUs: offset * 60e6 })
        for (const group of ['failed', 'reset', 'open', 'closed'] as const) {
          const count = Array<number>(got.count).fill(0)
          const bytes = Array<number>(got.count).fill(0)
          for (const one of sessions) {
            if (one.startTimeUs < fromUs || one.startTimeUs >= toUs) continue
            if (groupOf(one) !== group || (client !== undefined && one.clientId !== client))
              continue
            const bar = Math.floor((one.startTimeUs - got.originUs) / got.widthUs)
            count[bar] = count[bar]! + 1
            bytes[bar] = bytes[bar]! + one.bytesTx! + one.bytesRx!
          }
          expect(got.outcomes[group]).toEqual({ sessions: count, bytes })
        }
      }),
      { numRuns: rounds(30, 300) },
    )
  })

  test('of whole hours and of rows are equal', async () => {
    const filter = { fromUs: START_US, toUs: START_US + 48 * HOUR_US }
    const hours = await t.store.histogram('acme', { filter, bars: 48, offsetUs: 0 })
    const rows = await t.store.histogram('acme', {
      filter: { ...filter, minBytes: 1 },
      bars: 48,
      offsetUs: 0,
    })
    expect(hours).toEqual(rows)
    expect(hours.widthUs).toBe(HOUR_US)
  })
})
