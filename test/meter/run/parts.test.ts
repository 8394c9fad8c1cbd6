import { expect, test } from 'vitest'
import { Parts } from '../../../src/meter/run/parts.js'
import { SayEach, SayOnce } from '../../../src/meter/run/say-once.js'

test('parts stop in reverse order, one after the other, also when one cannot; each once', async () => {
  const parts = new Parts()
  const did: string[] = []
  parts.started('spool', () => void did.push('spool'))
  parts.started('shipper', () => Promise.reject(new Error('no')))
  parts.started('interfaces', async () => {
    did.push('interfaces begin')
    await Promise.resolve()
    did.push('interfaces end')
  })
  const failed = (name: string, error: unknown) => did.push(`${name}: ${String(error)}`)
  await parts.stop(failed)
  await parts.stop(failed)
  expect(did).toEqual(['interfaces begin', 'interfaces end', 'shipper: Error: no', 'spool'])
})

test('a trouble is said when it begins and when it changes, and its end once', () => {
  const once = new SayOnce()
  expect(['a', 'a', 'b', 'a'].map((problem) => once.begins(problem))).toEqual([
    true,
    false,
    true,
    true,
  ])
  expect([once.isTroubled, once.isOver(), once.isOver(), once.isTroubled]).toEqual([
    true,
    true,
    false,
    false,
  ])
})

test('what many have in common is said for the first of them, and again after an hour', () => {
  let now = 0
  const each = new SayEach(() => now)
  expect(['batch 1 bad', 'batch 22 bad', 'other'].map((text) => each.isNew(text))).toEqual([
    true,
    false,
    true,
  ])
  now = 3_599_999
  expect(each.isNew('batch 3 bad')).toBe(false)
  now = 3_600_000
  expect(each.isNew('batch 4 bad')).toBe(true)
})

test('texts that are all different are said 16 times an hour', () => {
  let now = 0
  const each = new SayEach(() => now)
  const texts = Array.from({ length: 100 }, (_, i) => 'x'.repeat(i))
  expect(texts.filter((text) => each.isNew(text))).toHaveLength(16)
  now = 3_600_000
  expect(texts.filter((text) => each.isNew(text))).toHaveLength(16)
})
