/** Batches that wait for the writer, without one. */
import { expect, test } from 'vitest'
import {
  BatchQueue,
  countUpTo,
  QUEUE_SESSIONS_MAX,
} from '../../../src/server/store/duckdb/write/batch-queue.js'
import { receiptOf, type SiteBatch } from '../../../src/server/store/duckdb/write/group-commit.js'
import type { StoredSession } from '../../../src/server/store/store.js'
import { batch, session } from '../../support/batches.js'
import { stored } from '../../support/store.js'

const ONE: StoredSession = stored(session(1), 'acme', 1, 'meter-1')

function given(number: number, sessions: number): SiteBatch {
  const list = new Array<StoredSession>(sessions).fill(ONE)
  return { orgId: 'acme', siteId: 1, batch: batch(number, []), sessions: list }
}

/** A queue with a batch of each of these sizes, numbered from 1. */
function queueOf(...sizes: number[]): { queue: BatchQueue; told: unknown[] } {
  const queue = new BatchQueue()
  const told: unknown[] = []
  for (const [i, size] of sizes.entries())
    void queue.add(given(i + 1, size)).then(
      (receipt) => told.push(receipt.batch),
      (error: unknown) => told.push(error),
    )
  return { queue, told }
}

const numbers = (group: ReturnType<BatchQueue['take']>) =>
  group.map((waiting) => waiting.given.batch?.batch)

test.each([
  ['as many as are allowed', [3, 3, 3], 6, 1, [1, 2]],
  ['none beyond, be a later one small', [3, 9, 1], 6, 1, [1]],
  ['a first one that is too large, when one must be', [9, 1], 6, 1, [1]],
  ['none that is too large, when none must be', [9, 1], 6, 0, []],
  ['what has no sessions, also where there is no room', [0, 0, 1], 0, 0, [1, 2]],
  ['nothing of nothing', [], 6, 1, []],
] as const)('it gives %s', (_, sizes, sessionsMax, batchesMin, expected) => {
  const { queue } = queueOf(...sizes)
  expect(numbers(queue.take(sessionsMax, batchesMin))).toEqual(expected)
  expect(queue.batches).toBe(sizes.length - expected.length)
})

test('it looks no further than it takes', () => {
  const looked: number[] = []
  const sizeOf = (size: number) => {
    looked.push(size)
    return size
  }
  expect(countUpTo([1, 2, 3, 4, 5], sizeOf, 3, 1)).toBe(2)
  expect(looked).toEqual([1, 2, 3])
})

test('each is told what became of it, and counts until then', async () => {
  const { queue, told } = queueOf(2, 3, 4)
  const [first, second, third] = queue.take(100, 1)
  expect([queue.batches, queue.sessions]).toEqual([0, 9])
  const refused = new Error('refused')
  queue.fail([second!], refused)
  expect(queue.sessions).toBe(6)
  queue.succeed(
    [first!, third!],
    [first!, third!].map(({ given }) => receiptOf(given, 'fresh')),
  )
  expect(queue.sessions).toBe(0)
  await Promise.resolve()
  expect(told).toEqual([refused, 1, 3])
})

test('what is put back is first again', () => {
  const { queue } = queueOf(1, 1, 1)
  const group = queue.take(2, 1)
  queue.putBack(group)
  expect(numbers(queue.take(100, 1))).toEqual([1, 2, 3])
})

test('beyond its limit it is busy, those that are being written counted; empty it takes anything', () => {
  const { queue } = queueOf(QUEUE_SESSIONS_MAX - 1)
  queue.assertRoomFor(1)
  expect(() => queue.assertRoomFor(2)).toThrow(expect.objectContaining({ code: 'STORE_BUSY' }))
  const group = queue.take(QUEUE_SESSIONS_MAX, 1)
  expect(() => queue.assertRoomFor(2)).toThrow('the store is behind')
  queue.fail(group, new Error('refused'))
  queue.assertRoomFor(QUEUE_SESSIONS_MAX + 1)
})
