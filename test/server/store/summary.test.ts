import { expect, test } from 'vitest'
import { seriesOfAll } from '../../../src/server/store/summary-shape.js'

test('others have their turn while a large answer is put together, and each number is in its place', async () => {
  const starts = Array.from({ length: 3000 }, (_, i) => i * 60e6)
  const groups = Array.from({ length: 1000 }, (_, i) => ({
    row: { id: String(i), other: false },
    slots: [{ slot: (i + 5) * 60e6, sessions: i, bytes_tx: 2 * i, bytes_rx: 3 * i }],
  }))
  let turns = 0
  let timer: NodeJS.Immediate
  const others = () => {
    turns++
    timer = setImmediate(others)
  }
  timer = setImmediate(others)
  const series = await seriesOfAll(groups, starts)
  clearImmediate(timer)
  expect(turns).toBe(19)
  expect(series).toHaveLength(1000)
  for (const [i, { id, sessions, bytesTx, bytesRx }] of series.entries()) {
    expect([id, sessions.length]).toEqual([String(i), 3000])
    expect([sessions[i + 5], bytesTx[i + 5], bytesRx[i + 5]]).toEqual([i, 2 * i, 3 * i])
    expect(sessions.reduce((a, b) => a + b)).toBe(i)
  }
})
