/** What the address bar means, and how series become bars. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Summary } from '../../src/dashboard/api/types.js'
import { intervalFor, mergeBars } from '../../src/dashboard/pages/overview/interval.js'
import { stack } from '../../src/dashboard/parts/chart/stack.js'
import {
  filtersOf,
  liveOf,
  livePatch,
  onlyFilters,
  ROW_MAX,
  rowOf,
  sortOf,
  sortText,
} from '../../src/dashboard/state/filters.js'
import { rangeOf, rangeParams, spanOf } from '../../src/dashboard/state/range.js'

const params = (text: string) => new URLSearchParams(text)

describe('address bar', () => {
  test('filters: several values, empty ones and strangers ignored', () => {
    expect(filtersOf(params('clientId=1&clientId=2&q=&x=1&userId=a,b'))).toEqual({
      clientId: ['1', '2'],
      userId: ['a,b'],
    })
    const patch = onlyFilters({ protocol: ['tcp'] })
    expect(patch).toMatchObject({ protocol: ['tcp'], clientId: null, row: null, session: null })
  })

  test.each([
    ['', '-startTime'],
    ['sort=duration', 'duration'],
    ['sort=-bytesTx', '-bytesTx'],
    ['sort=-nonsense', '-startTime'],
  ])('%j sorts by %s', (text, sort) => expect(sortText(sortOf(params(text)))).toBe(sort))

  test('live is up to now: a range that is over is left for it', () => {
    const now = Date.parse('2026-11-22T12:00:00Z')
    const past = 'timeStart=2026-11-01T00:00:00Z&timeEnd=2026-11-02T00:00:00Z'
    expect([liveOf(params('live=1'), now), liveOf(params(`live=1&${past}`), now)]).toEqual([
      true,
      false,
    ])
    expect(livePatch(params(past), now)).toMatchObject({ live: '1', timeStart: null })
    expect(livePatch(params('range=7d'), now)).toEqual({
      live: '1',
      row: null,
      after: null,
      sort: null,
    })
  })

  test.each([
    ['', 1],
    ['row=412', 412],
    ['row=0', 1],
    ['row=-2', 1],
    ['row=2.5', 1],
    // Only a cursor leads to what lies beyond.
    ['row=2000000', ROW_MAX],
    ['row=2000000&after=abc', 2_000_000],
  ])('%j has row %d on top', (text, row) => expect(rowOf(params(text))).toBe(row))

  test('ranges: presets, two times, and what is neither', () => {
    expect(rangeOf(params('range=7d'))).toEqual({ kind: 'preset', preset: '7d' })
    expect(rangeOf(params('range=yesterday'))).toEqual({ kind: 'preset', preset: 'yesterday' })
    const day = { kind: 'preset', preset: '24h' }
    expect(rangeOf(params('range=99y'))).toEqual(day)
    const times = 'timeStart=2026-11-02T00:00:00Z&timeEnd=2026-11-01T00:00:00Z'
    expect(rangeOf(params(times)), 'ends before it starts').toEqual(day)
    const custom = { kind: 'custom', startMs: 1e12, endMs: 2e12 } as const
    const written = new URLSearchParams()
    for (const [name, value] of Object.entries(rangeParams(custom)))
      if (value !== null) written.set(name, value)
    expect(rangeOf(written)).toEqual(custom)
    expect(spanOf({ kind: 'preset', preset: '1h' }, 1e12)).toEqual({
      startMs: 1e12 - 3600e3,
      endMs: 1e12 + 60e3,
    })
  })
})

test('calendar days are local, and as long as they are', () => {
  const at = (day: number, hour = 0) => new Date(2026, 9, day, hour).getTime()
  for (const now of [25, 26, 27].map((day) => at(day, 9))) {
    const midnight = new Date(now).setHours(0, 0, 0, 0)
    const { startMs, endMs } = spanOf({ kind: 'preset', preset: 'today' }, now)
    expect([startMs, endMs]).toEqual([midnight, now + 60e3])
    const before = spanOf({ kind: 'preset', preset: 'yesterday' }, now)
    expect(before.endMs).toBe(midnight)
    expect(new Date(before.startMs).getHours()).toBe(0)
    expect(new Date(before.startMs).getDate()).toBe(new Date(now).getDate() - 1)
  }
})

describe('bars', () => {
  test('stacked: outermost first, up and down', () => {
    const layers = [
      { bytesTx: [1, 2], bytesRx: [10, 0] },
      { bytesTx: [3, 4], bytesRx: [5, 5] },
    ]
    expect(stack(layers)).toEqual({
      up: [
        [4, 6],
        [1, 2],
      ],
      down: [
        [-15, -5],
        [-10, -0],
      ],
    })
    expect(stack([])).toEqual({ up: [], down: [] })
  })

  test('merging loses nothing, and bars begin at whole multiples', () => {
    const cases = fc.record({
      start: fc.integer({ min: 5_000_000, max: 6_000_000 }),
      bytes: fc.array(fc.nat(1e9), { maxLength: 300 }),
    })
    fc.assert(
      fc.property(cases, ({ start, bytes }) => {
        const interval = intervalFor({ startMs: 0, endMs: 24 * 3600e3 })
        const series = { id: '1', other: false, sessions: bytes, bytesTx: bytes, bytesRx: bytes }
        const times = bytes.map((_, i) => new Date((start + i) * 300e3).toISOString())
        const merged = mergeBars({ times, series: [series] } as unknown as Summary, interval)
        const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)
        expect(sum(merged.series[0]!.bytesTx)).toBe(sum(bytes))
        expect(merged.series[0]!.sessions).toHaveLength(merged.times.length)
        for (const [i, time] of merged.times.entries()) {
          expect(Date.parse(time) % interval.barMs).toBe(0)
          const inBar = bytes.filter((_, j) => {
            const ms = Date.parse(times[j]!) - Date.parse(time)
            return ms >= 0 && ms < interval.barMs
          })
          expect(merged.series[0]!.bytesRx[i]).toBe(sum(inBar))
        }
      }),
      { numRuns: 200 },
    )
  })
})
