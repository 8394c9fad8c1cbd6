/** When the write-ahead log is folded, by its size; the database is played. */
import { beforeEach, expect, test } from 'vitest'
import { Checkpointer } from '../../../src/server/store/duckdb/write/checkpointer.js'

const MiB = 2 ** 20
const WAL_BYTES = 64 * MiB

let walBytes = 0
let freeBytes = 0
let leftBytes = 0
let fails = false
let fold: Checkpointer

beforeEach(() => {
  walBytes = 0
  freeBytes = Number.POSITIVE_INFINITY
  leftBytes = 0
  fails = false
  const database = { walBytes: () => walBytes, freeBytes: () => freeBytes }
  const run = (sql: string) => {
    expect(sql).toBe('CHECKPOINT')
    if (fails) return Promise.reject(new Error('refused'))
    walBytes = leftBytes
    return Promise.resolve(undefined as never)
  }
  fold = new Checkpointer(database, { run }, WAL_BYTES)
})

test('it is due at so many bytes, and overdue at twice as many', () => {
  for (const [bytes, due, overdue] of [
    [WAL_BYTES - 1, false, false],
    [WAL_BYTES, true, false],
    [2 * WAL_BYTES - 1, true, false],
    [2 * WAL_BYTES, true, true],
  ] as const) {
    walBytes = bytes
    expect([fold.isDue, fold.isOverdue]).toEqual([due, overdue])
  }
})

test('a fold leaves nothing that is due', async () => {
  walBytes = WAL_BYTES
  leftBytes = WAL_BYTES - 1
  await fold.checkpoint()
  expect(fold.counts).toEqual({ checkpoints: 1, failedCheckpoints: 0 })
  expect(fold.isDue).toBe(false)
  walBytes = WAL_BYTES
  expect(fold.isDue).toBe(true)
})

test('after a failure it is due when a quarter more has come, and no sooner', async () => {
  walBytes = WAL_BYTES + 5
  fails = true
  await fold.checkpoint()
  expect(fold.counts).toEqual({ checkpoints: 0, failedCheckpoints: 1 })
  walBytes = WAL_BYTES + 4 + WAL_BYTES / 4
  expect(fold.isDue).toBe(false)
  walBytes++
  expect(fold.isDue).toBe(true)
  fails = false
  await fold.checkpoint()
  expect(fold.counts).toEqual({ checkpoints: 1, failedCheckpoints: 1 })
  // As before.
  walBytes = WAL_BYTES
  expect(fold.isDue).toBe(true)
})

test('it needs room for half of the log and 16 MiB', async () => {
  walBytes = WAL_BYTES
  freeBytes = WAL_BYTES / 2 + 16 * MiB - 1
  await fold.checkpoint()
  expect(fold.counts).toEqual({ checkpoints: 0, failedCheckpoints: 1 })
  expect(walBytes).toBe(WAL_BYTES)
  freeBytes++
  await fold.checkpoint()
  expect(fold.counts).toEqual({ checkpoints: 1, failedCheckpoints: 1 })
})
