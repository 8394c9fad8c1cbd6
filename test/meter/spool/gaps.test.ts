import { expect, test } from 'vitest'
import { GapList } from '../../../src/meter/spool/gaps.js'
import type { BatchGap } from '../../../src/session/batch.js'

function batch(number: number, sessions = 1, reason = 'spoolFull'): BatchGap {
  return { reason, sessions, fromBatch: number, toBatch: number, from: '1', to: '2' }
}

function time(from: string, to: string): BatchGap {
  return { reason: 'interfaceGone', sessions: 0, from, to }
}

function listOf(...gaps: BatchGap[]): readonly BatchGap[] {
  const list = new GapList([])
  for (const gap of gaps) list.add(gap)
  return list.list()
}

test('neighbouring batches of one reason are one gap', () => {
  expect(listOf(batch(1), batch(2, 5), batch(4), batch(5, 1, 'diskFull'))).toEqual([
    { ...batch(1, 6), toBatch: 2 },
    batch(4),
    batch(5, 1, 'diskFull'),
  ])
})

test('times are one gap only where they meet', () => {
  expect(listOf(time('1', '3'), time('2', '4'), time('6', '7'))).toEqual([
    time('1', '4'),
    time('6', '7'),
  ])
})

test('what a batch has taken comes back when it was not committed, and is merged with nothing', () => {
  const list = new GapList([batch(1)])
  expect(list.take()).toEqual([batch(1)])
  list.add(batch(2))
  expect([list.untaken(), list.list()]).toEqual([[batch(2)], [batch(1), batch(2)]])
  list.putBack()
  expect(list.take()).toEqual([batch(1), batch(2)])
  list.settle()
  expect(list.list()).toEqual([])
})

test('bounded: thousands of gaps keep their sum', () => {
  const list = new GapList([])
  for (let i = 0; i < 6_000; i++) list.add(batch(2 * i + 1))
  expect(list.list().length).toBeLessThanOrEqual(4_096)
  expect(list.list().reduce((sum, gap) => sum + gap.sessions, 0)).toBe(6_000)
})

test('bounded also when nothing else has the reason of the oldest gap', () => {
  const list = new GapList([batch(1, 7, 'diskFull')])
  for (let i = 1; i < 5_000; i++) list.add(batch(2 * i + 1))
  expect(list.list().length).toBeLessThanOrEqual(4_096)
  expect(list.list()[0]).toEqual(batch(1, 7, 'diskFull'))
  expect(list.list().reduce((sum, gap) => sum + gap.sessions, 0)).toBe(5_006)
})

test('bounded: what moved while nothing was metered is still in the sum', () => {
  const list = new GapList([])
  for (let i = 0; i < 5_000; i++) {
    const [from, to] = [2 * i, 2 * i + 1].map((n) => String(n).padStart(5, '0')) as [string, string]
    list.add({ reason: 'unmetered', sessions: 0, interface: 'wg0', bytes: 3, from, to })
  }
  expect(list.list().length).toBeLessThanOrEqual(4_096)
  expect(list.list().reduce((sum, gap) => sum + gap.bytes!, 0)).toBe(15_000)
  expect(list.list()[0]).toMatchObject({ interface: 'wg0', from: '00000' })
  list.add({ reason: 'unmetered', sessions: 0, interface: 'wg1', bytes: 4, from: '9', to: '9' })
  for (let i = 0; i < 4_096; i++) list.add(batch(2 * i + 1))
  expect(list.list()[0]).not.toHaveProperty('interface')
  expect(list.list().reduce((sum, gap) => sum + (gap.bytes ?? 0), 0)).toBe(15_004)
})
