/** Pages while the file is changed below them. */
import { DuckDBConnection } from '@duckdb/node-api'
import { expect, test, vi } from 'vitest'
import { Database } from '../../../src/server/store/duckdb/database.js'
import { page } from '../../../src/server/store/duckdb/read/pages.js'
import { batch, session } from '../../support/batches.js'
import { ALWAYS, TestStore } from '../../support/store.js'

/** More than DuckDB keeps in one row group, so that folding puts those that are left together. */
const ROWS = 200_000
const DELETED = 90_000
const LIMIT = 500

test('a page is whole though the log is folded between its queries', async () => {
  const store = await TestStore.open()
  await store.send('acme', 1, batch(1, [session(1)]))
  await store.store.close()
  const { directory } = store
  const database = await Database.open({ directory, memoryBytes: 256 * 2 ** 20, threads: 1 })
  const [reader, writer] = [await database.connect(), await database.connect()]
  await writer.run(`INSERT INTO session SELECT s.* REPLACE (range AS seq, s.start_us + range AS start_us)
    FROM session s, range(2, ${ROWS + 1})`)
  await writer.run('CHECKPOINT')
  await writer.run(`DELETE FROM session WHERE seq <= ${DELETED}`)
  const { run } = DuckDBConnection.prototype
  let checkpoints = 0
  const spy = vi.spyOn(DuckDBConnection.prototype, 'run')
  spy.mockImplementation(async function (this: DuckDBConnection, ...given) {
    if (this === reader && given[0].includes('t.start_us IN') && checkpoints++ === 0)
      await run.call(writer, 'CHECKPOINT')
    return run.apply(this, given)
  })
  try {
    await reader.run('BEGIN TRANSACTION READ ONLY')
    const sort = { key: 'startTime', descending: false } as const
    const request = { filter: ALWAYS, sort, limit: LIMIT, offset: 0 }
    const { rows, next } = await page(reader, 'acme', request, store.nowUs)
    const ids = Array.from({ length: LIMIT }, (_, i) => session(DELETED + i + 1).sessionId)
    expect(rows.map((row) => row.sessionId)).toEqual(ids)
    expect([checkpoints, next?.sessionId]).toEqual([1, ids.at(-1)])
  } finally {
    spy.mockRestore()
    await database.close()
    await store.reopen()
    await store.close()
  }
})
