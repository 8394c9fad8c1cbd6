import { expect, test } from 'vitest'
import { Parts } from '../../../src/meter/run/parts.js'
import { SayOnce } from '../../../src/meter/run/say-once.js'

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
