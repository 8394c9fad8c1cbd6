/** Rows are put in order for one export after the other. */
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { DuckDBConnection } from '@duckdb/node-api'
import { expect, test, vi } from 'vitest'
import { batch, session } from '../../support/batches.js'
import { ALWAYS, TestStore } from '../../support/store.js'
import { until } from '../../support/until.js'

const BY_TIME = { key: 'startTime', descending: true } as const
const BY_BYTES = { key: 'bytes', descending: true } as const
const ORDERING = /^COPY \(|TEMP TABLE export_order/

async function taken(stream: Readable): Promise<void> {
  stream.resume()
  await once(stream, 'close')
}

test('exports that sort all of an answer wait for one another, and who leaves is not waited for', async () => {
  const test = await TestStore.open()
  await test.send('acme', 1, batch(1, [session(1), session(2)]))
  const { store } = test
  const { run } = DuckDBConnection.prototype
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let [now, most] = [0, 0]
  const spy = vi.spyOn(DuckDBConnection.prototype, 'run')
  spy.mockImplementation(async function (this: DuckDBConnection, ...given) {
    if (!ORDERING.test(given[0])) return run.apply(this, given)
    most = Math.max(most, ++now)
    await held
    now--
    return run.apply(this, given)
  })
  try {
    const gone = new AbortController()
    const first = store.parquet('acme', ALWAYS, BY_TIME)
    await until(() => now === 1)
    const left = store.parquet('acme', ALWAYS, BY_TIME, { signal: gone.signal })
    const rows = store.rows('acme', ALWAYS, BY_BYTES)[Symbol.asyncIterator]()
    const second = rows.next()
    await until(() => store.stats().exportsWaiting === 2)
    // One that needs no order does not wait.
    for await (const { rows } of store.csv('acme', ALWAYS, BY_TIME)) expect(rows).toBe(2)
    gone.abort()
    await expect(left).rejects.toThrow('aborted')
    expect(store.stats()).toMatchObject({ exports: 2, exportsWaiting: 1 })
    release()
    await taken(await first)
    expect((await second).value).toHaveLength(2)
    await rows.return?.(undefined)
    expect(most).toBe(1)
    await until(() => store.stats().exports === 0)
  } finally {
    spy.mockRestore()
    await test.close()
  }
})
