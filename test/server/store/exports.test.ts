/** Exports while other things happen: names change, sessions come and go, more exports begin and end. */
import { DuckDBResult } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { LOG_FIELDS } from '../../../src/server/query/api-row.js'
import { Database } from '../../../src/server/store/duckdb/database.js'
import { EXPORTS_MAX, ExportSlots } from '../../../src/server/store/duckdb/export/export-slots.js'
import { CSV_SLICE_ROWS, SLICE_ROWS } from '../../../src/server/store/duckdb/export/exports.js'
import type { Sort } from '../../../src/server/store/store.js'
import { batch, session } from '../../support/batches.js'
import { ALWAYS, TestStore } from '../../support/store.js'

const SORTS: readonly Sort[] = [
  { key: 'startTime', descending: true },
  { key: 'startTime', descending: false },
  { key: 'bytes', descending: true },
]
/** Of a slice: a millisecond holds more than two of them, a few minutes all. */
const FEW = 3000
const ROWS = 12_000
const PER_MILLISECOND = 6300
const BATCH_ROWS = 2000
/** More than DuckDB keeps together (122,880): a sorted table of them has parts. */
const MANY_ROWS = 125_000
const MINUTE_US = 60e6
const LONG = { timeout: 60_000 }
/** Some hours of work, unless it is interrupted. */
const ENDLESS = 'SELECT sum(a.range * b.range) FROM range(10_000_000) a, range(10_000_000) b'

let store: TestStore
let startUs: number

beforeAll(async () => {
  store = await TestStore.open(1e9, { sliceRows: FEW })
  startUs = store.nowUs - 3600e6
  for (let at = 0; at < ROWS; at += BATCH_ROWS) {
    const sessions = Array.from({ length: BATCH_ROWS }, (_, i) => {
      const n = at + i
      const us = n < PER_MILLISECOND ? n % 1000 : MINUTE_US + ((n * 7919) % (3 * MINUTE_US))
      const startTimeUs = startUs + us
      return session(n + 1, { startTimeUs, endTimeUs: startTimeUs + 1e6, clientId: 1 + (n % 3) })
    })
    await store.send('acme', 1, batch(at / BATCH_ROWS + 1, sessions))
  }
  await name('a')
}, 120_000)
afterAll(() => store.close())

/** Awkward in CSV and JSON alike. */
const nameOf = (id: number, state: string) => `=${state}${id},"𝒳"\r\n`
const name = (state: string, ids = [1, 2, 3]) =>
  store.store.putCatalog('acme', {
    clients: ids.map((clientId) => ({ clientId, name: nameOf(clientId, state), addresses: [] })),
    users: ids.map((id) => ({ userId: `u${id}`, name: nameOf(id, state) })),
    resources: [],
    sites: [{ siteId: 1, name: nameOf(1, state) }],
    // biome-ignore lint/suspicious/noExplicitAny: the least of a catalog.
  } as any)

/** The most rows that are fetched at once until it is given back. */
function watchFetches() {
  const fetchAll = DuckDBResult.prototype.fetchAllChunks
  const watched = { most: 0 }
  const spy = vi.spyOn(DuckDBResult.prototype, 'fetchAllChunks')
  spy.mockImplementation(async function (this: DuckDBResult) {
    const chunks = await fetchAll.call(this)
    const rows = chunks.reduce((sum, chunk) => sum + chunk.rowCount, 0)
    watched.most = Math.max(watched.most, rows)
    return chunks
  })
  onTestFinished(() => spy.mockRestore())
  return watched
}

for (const sort of SORTS) {
  const how = `${sort.key}, ${sort.descending ? 'descending' : 'ascending'}`
  test(`rows by ${how}: each once, in order, so many at once, with the names of the beginning`, {
    timeout: 120_000,
  }, async () => {
    await name('a')
    const fetched = watchFetches()
    const ids = new Set<string>()
    const names = new Set<unknown>()
    let before = Number.NaN
    let misplaced = 0
    let pieces = 0
    for await (const rows of store.store.rows('acme', ALWAYS, sort)) {
      if (++pieces === 1) await name('b', [1, 3])
      for (const row of rows) {
        ids.add(row.sessionId)
        names.add(row.clientName).add(row.userName).add(row.siteName)
        const value =
          sort.key === 'startTime' ? row.startTimeUs : (row.bytesTx ?? 0) + (row.bytesRx ?? 0)
        if (sort.descending ? value > before : value < before) misplaced++
        before = value
      }
    }
    expect(misplaced).toBe(0)
    expect(fetched.most).toBeLessThanOrEqual(2 * FEW)
    expect(ids.size).toBe(ROWS)
    expect([...names].sort()).toEqual([1, 2, 3].map((id) => nameOf(id, 'a')))
  })

  test(`CSV by ${how}: the same`, { timeout: 120_000 }, async () => {
    await name('a')
    const fetched = watchFetches()
    let text = ''
    let pieces = 0
    for await (const piece of store.store.csv('acme', ALWAYS, sort)) {
      if (++pieces === 1) await name('b', [1, 3])
      text += Buffer.from(piece.text).toString('utf8')
    }
    expect(fetched.most).toBeLessThanOrEqual(2 * FEW)
    // A name ends in a line end of its own.
    expect(text.split(/\r\n(?=\d)/)).toHaveLength(ROWS)
    expect(text).not.toContain('=b')
    expect(text.split(`"'=a2,""𝒳""\r\n"`)).toHaveLength(Math.floor((ROWS + 1) / 3) + 1)
  })
}

test('more rows than a table has in one part are put in order, too', LONG, async () => {
  const large = await TestStore.open(1e9)
  onTestFinished(() => large.close())
  const rows = 25_000
  for (let at = 0; at < MANY_ROWS; at += rows) {
    const sessions = Array.from({ length: rows }, (_, i) => {
      const bytesTx = ((at + i) * 7919) % MANY_ROWS
      return session(at + i + 1, { bytesTx, bytesRx: 0 })
    })
    await large.send('acme', 1, batch(at / rows + 1, sessions))
  }
  const sort = { key: 'bytes', descending: false } as const
  const fetched = watchFetches()
  let text = ''
  for await (const piece of large.store.csv('acme', ALWAYS, sort))
    text += Buffer.from(piece.text).toString('utf8')
  const place = LOG_FIELDS.findIndex((field) => field.name === 'bytesTx')
  const bytes = text
    .split('\r\n')
    .slice(0, -1)
    .map((line) => Number(line.split(',')[place]))
  expect(bytes).toHaveLength(MANY_ROWS)
  // 7919 has no divisor in common with their number: each value is there once.
  expect(bytes.filter((value, i) => value !== i)).toEqual([])
  expect(fetched.most).toBe(CSV_SLICE_ROWS)
  for await (const _ of large.store.rows('acme', ALWAYS, sort)) break
  expect(fetched.most).toBe(SLICE_ROWS)
})

test('a query that nobody waits for ends, also one that begins later', LONG, async () => {
  const directory = `${store.directory}/interrupts`
  const database = await Database.open({ directory, memoryBytes: 256 * 2 ** 20, threads: 2 })
  const slots = new ExportSlots(database, () => Promise.resolve(null))
  const gone = new AbortController()
  const slot = await slots.take('acme', 2, { signal: gone.signal })
  const running = expect(slot.connections[0]!.run(ENDLESS)).rejects.toThrow('Interrupted')
  gone.abort()
  await running
  await expect(slot.connections[1]!.run(ENDLESS)).rejects.toThrow('Interrupted')
  await slot.end()
  await expect(slots.take('acme', 1, { signal: gone.signal })).rejects.toThrow('aborted')
  expect(slots.running).toBe(0)
  await database.close()
})

test('an organisation leaves places to the others', async () => {
  const directory = `${store.directory}/places`
  const database = await Database.open({ directory, memoryBytes: 256 * 2 ** 20, threads: 2 })
  const slots = new ExportSlots(database, () => Promise.resolve(null))
  const take = (org: string) => slots.take(org, 1, undefined)
  const taken = await Promise.all(Array.from({ length: EXPORTS_MAX / 2 }, () => take('a')))
  await expect(take('a')).rejects.toMatchObject({
    code: 'STORE_BUSY',
    message: 'too many exports of this organisation are running',
  })
  while (slots.running < EXPORTS_MAX) taken.push(await take(`other ${slots.running}`))
  await expect(take('b')).rejects.toMatchObject({ message: 'too many exports are running' })
  for (const slot of taken) await slot.end()
  await (await take('a')).end()
  expect(slots.running).toBe(0)
  await database.close()
})

test('after exports that begin and end at once the memory is whole again', async () => {
  const directory = `${store.directory}/limits`
  const memoryBytes = 512 * 2 ** 20
  const database = await Database.open({ directory, memoryBytes, threads: 2 })
  const slots = new ExportSlots(database, () => Promise.resolve(null))
  const limit = async () => {
    const connection = await database.lend()
    const reader = await connection.runAndReadAll("SELECT current_setting('memory_limit')")
    database.release(connection)
    return reader.getRows()[0]![0]
  }
  const before = await limit()
  for (let round = 0; round < 20; round++) {
    const taken = await Promise.all(
      ['a', 'b', 'c', 'd'].map((org) => slots.take(org, 2, undefined)),
    )
    expect(await limit()).toBe('256.0 MiB')
    await Promise.all(taken.map((slot) => slot.end()))
    expect([await limit(), slots.running]).toEqual([before, 0])
  }
  await database.close()
})
