/** What the store may use of log and memory. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readLogged } from '../../../src/server/ingest/logged.js'
import { DuckStore, type DuckStoreOptions } from '../../../src/server/store/duckdb/duck-store.js'
import { batch, session } from '../../support/batches.js'
import { ALWAYS, stored } from '../../support/store.js'

const MiB = 2 ** 20
const BATCH = 2000

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tunmeter-limits-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function open(change: Partial<DuckStoreOptions>): Promise<DuckStore> {
  return DuckStore.open({ directory, memoryBytes: 256 * MiB, threads: 1, readLogged, ...change })
}

async function send(store: DuckStore, number: number): Promise<void> {
  const sessions = Array.from({ length: BATCH }, (_, i) =>
    stored(session(number * BATCH + i, { bytesTx: 1000 + i }), 'acme', 1, 'meter-1'),
  )
  await store.write({ orgId: 'acme', siteId: 1, batch: batch(number, []), sessions })
}

test('the log is folded into the file again and again while batches come', async () => {
  const store = await open({ walBytes: MiB })
  try {
    let written = 0
    let folded = 0
    let largest = 0
    let before = store.stats().walBytes
    for (let number = 1; folded < 3 && number < 100; number++) {
      await send(store, number)
      await store.count('acme', ALWAYS)
      const { walBytes } = store.stats()
      if (walBytes < before) folded++
      else written = Math.max(written, walBytes - before)
      largest = Math.max(largest, walBytes)
      before = walBytes
    }
    expect(folded).toBe(3)
    // Groups go on for as much again while it waits.
    expect(largest).toBeLessThanOrEqual(2 * MiB + written)
    expect(await store.count('acme', ALWAYS)).toBeGreaterThanOrEqual(3 * BATCH)
  } finally {
    await store.close()
  }
})

test('a query that needs more memory than it may use says so, and the store goes on', async () => {
  const bySize = { key: 'bytes', descending: true } as const
  const filling = await open({})
  for (let number = 1; number <= 10; number++) await send(filling, number)
  for await (const piece of await filling.parquet('acme', ALWAYS, bySize)) void piece
  await filling.close()
  const store = await open({ memoryBytes: 4 * MiB })
  try {
    const refused = { code: 'STORE_MEMORY', hint: expect.stringContaining('--store-memory') }
    await expect(store.parquet('acme', ALWAYS, bySize)).rejects.toMatchObject(refused)
    const csv = async () => {
      for await (const piece of store.csv('acme', ALWAYS, bySize)) void piece
    }
    await expect(csv()).rejects.toMatchObject(refused)
    expect(await store.count('acme', ALWAYS)).toBe(10 * BATCH)
    expect(store.stats().exports).toBe(0)
  } finally {
    await store.close()
  }
})
