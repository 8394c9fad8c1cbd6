/** A copy that fails, as where the disk is full, is not in the way of the next one. */
import { join } from 'node:path'
import { DuckDBConnection } from '@duckdb/node-api'
import { expect, onTestFinished, test, vi } from 'vitest'
import { DuckStore } from '../../src/store/duckdb/duck-store.js'
import { batch, session } from '../support/batches.js'
import { ALWAYS, TestStore } from '../support/store.js'

const MiB = 2 ** 20

test('a failed backup is let go of, and several come one after the other', async () => {
  const opened = await TestStore.open()
  onTestFinished(() => opened.close())
  await opened.send('acme', 1, batch(1, [session(1), session(2)]))
  const copy = join(opened.directory, 'copy')
  const { run } = DuckDBConnection.prototype
  const full = vi.spyOn(DuckDBConnection.prototype, 'run').mockImplementation(function (
    this: DuckDBConnection,
    ...given
  ) {
    if (given[0].startsWith('COPY FROM')) throw new Error('IO Error: No space left on device')
    return run.apply(this, given)
  })
  await expect(opened.store.backup(copy)).rejects.toMatchObject({ code: 'STORE_FULL' })
  full.mockRestore()
  await Promise.all([opened.store.backup(copy), opened.store.backup(copy)])
  const restored = await DuckStore.open({ directory: copy, memoryBytes: 256 * MiB, threads: 1 })
  expect(await restored.count('acme', ALWAYS)).toBe(2)
  await restored.close()
})
