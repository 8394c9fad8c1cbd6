/** When the write-ahead log is folded, by its size; the database is played. */
import { beforeEach, expect, test } from 'vitest'
import { Checkpointer } from '../../../src/server/store/duckdb/write/checkpointer.js'

const MiB = 2 ** 20
const WAL_BYTES = 64 * MiB

let walBytes = 0
let freeBytes = 0
let unusedBytes = 0
let leftBytes = 0
let fails = false
let fold: Checkpointer

beforeEach(() => {
  walBytes = 0
  freeBytes = Number.POSITIVE_INFINITY
  unusedBytes = 0
  leftBytes = 0
  fails = false
  const database = {
    walBytes: () => walBytes,
    freeBytes: () => freeBytes,
    unusedBytes: () => Promise.resolve(unusedBytes),
  }
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

test('on a nearly full disk it is due at 1 MiB, if it has room, and again 1 MiB later', async () => {
  const left = (bytes: number) => {
    freeBytes = walBytes / 2 + 16 * MiB + bytes
  }
  walBytes = MiB
  left(16 * MiB)
  expect([fold.isDue, fold.isTight]).toEqual([false, false])
  left(16 * MiB - 1)
  expect([fold.isDue, fold.isTight, fold.isFull]).toEqual([true, true, false])
  left(-1)
  expect([fold.isDue, fold.isTight, fold.isFull]).toEqual([false, false, true])
  left(0)
  leftBytes = MiB / 2
  await fold.checkpoint()
  expect(fold.counts.checkpoints).toBe(1)
  expect([fold.isTight, fold.isFull]).toEqual([false, true])
  walBytes = 1.5 * MiB
  left(0)
  expect(fold.isTight).toBe(true)
})

test('space in the file after a deletion counts for the checkpoint', async () => {
  walBytes = 2 * MiB
  freeBytes = 24 * MiB
  expect(fold.isFull).toBe(true)
  unusedBytes = 40 * MiB
  await fold.checkpoint()
  walBytes = 2 * MiB
  expect([fold.isFull, fold.isTight]).toEqual([false, false])
  freeBytes = 8 * MiB - 1
  expect([fold.isFull, fold.isForDeletions]).toEqual([true, false])
  freeBytes = 4 * MiB - 1
  expect(fold.isForDeletions).toBe(true)
})
