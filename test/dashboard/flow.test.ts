/** The layout of who used what as a flow: areas are bytes, and nothing lies over anything else. */
import { expect, test } from 'vitest'
import { flowOf } from '../../src/dashboard/pages/overview/flow.js'

const CELLS = [
  { row: 1, column: 0, bytes: 10 },
  { row: 0, column: 0, bytes: 600 },
  { row: 0, column: 1, bytes: 389 },
  { row: 1, column: 2, bytes: 1 },
  { row: 2, column: 2, bytes: 0 },
]

test('each bar is as high as its ribbons together, on one scale, and ribbons lie side by side', () => {
  const { left, right, ribbons } = flowOf(CELLS, 3, 3)
  const scale = 240 / 1000
  for (const [bars, side, top] of [
    [left, 'row', 'leftTop'],
    [right, 'column', 'rightTop'],
  ] as const) {
    for (const [i, { bar, barTop, bytes }] of bars.entries()) {
      expect(bar).toBeCloseTo(bytes * scale)
      const own = ribbons.filter((ribbon) => ribbon[side] === i).sort((a, b) => a[top] - b[top])
      let at = barTop
      for (const ribbon of own) {
        expect(ribbon[top]).toBeCloseTo(at)
        expect(ribbon.thickness).toBeCloseTo(ribbon.bytes * scale)
        at += ribbon.thickness
      }
      expect(at).toBeCloseTo(barTop + bar)
    }
  }
  expect(ribbons.map(({ bytes }) => bytes)).toEqual([600, 389, 10, 1])
})

test('names have room, however thin the bar is, and stay within the height', () => {
  const { left, right, height } = flowOf(CELLS, 3, 3)
  for (const bars of [left, right]) {
    for (const [i, { top, slot, bar, barTop }] of bars.entries()) {
      expect(slot).toBeGreaterThanOrEqual(22)
      expect(barTop).toBeGreaterThanOrEqual(top)
      expect(barTop + bar).toBeLessThanOrEqual(top + slot + 1e-9)
      expect(top + slot).toBeLessThanOrEqual(bars[i + 1]?.top ?? height)
    }
  }
})

test('nothing at all is no division by zero', () => {
  expect(flowOf([], 0, 0)).toEqual({ height: 0, left: [], right: [], ribbons: [] })
  expect(flowOf([{ row: 0, column: 0, bytes: 0 }], 1, 1).left[0]).toMatchObject({
    bar: 0,
    slot: 22,
  })
})
