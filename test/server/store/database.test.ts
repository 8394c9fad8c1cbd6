/** The database's connections: what happens to those in use when it closes. */
import { setMaxListeners } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Database, ORG_WAITING_MAX, READERS } from '../../../src/server/store/duckdb/database.js'

const MiB = 2 ** 20
/** Some hours of work, unless it is interrupted. */
const ENDLESS = 'SELECT sum(a.range * b.range) FROM range(10_000_000) a, range(10_000_000) b'

let directory: string
let database: Database
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tunmeter-database-'))
  database = await Database.open({ directory, memoryBytes: 256 * MiB, threads: 1 })
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

test('closing interrupts what reads and waits for it, and refuses what waits for a connection', async () => {
  let running = 0
  let begun = (): void => undefined
  const allRun = new Promise<void>((resolve) => {
    begun = resolve
  })
  // As many organisations: one alone would not get all.
  const reads = Array.from({ length: READERS }, (_, i) =>
    database.read(`org ${i}`, (connection) => {
      if (++running === READERS) begun()
      return connection.run(ENDLESS)
    }),
  )
  const waits = database.read('other', (connection) => connection.run('SELECT 1'))
  const ended = Promise.allSettled([...reads, waits])
  await allRun
  await database.close()
  const outcomes = (await ended).map((o) => (o.status === 'rejected' ? String(o.reason) : o.status))
  expect(outcomes.slice(0, READERS)).toEqual(
    Array(READERS).fill(expect.stringContaining('Interrupted')),
  )
  expect(outcomes[READERS]).toContain('the server is stopping')
  await expect(database.read('other', (connection) => connection.run('SELECT 1'))).rejects.toThrow(
    'stopping',
  )
})

test('queries of one organisation, however slow and many, do not keep those of another waiting', async () => {
  const gone = new AbortController()
  setMaxListeners(0, gone.signal)
  const slow = Array.from({ length: ORG_WAITING_MAX + READERS / 2 }, () =>
    database.read('a', (connection) => connection.run(ENDLESS), gone.signal),
  )
  const ended = Promise.allSettled(slow)
  const refused = database.read('a', (connection) => connection.run('SELECT 1'))
  await expect(refused).rejects.toMatchObject({ code: 'STORE_BUSY' })
  for (const orgId of ['b', 'c', 'd', 'b'])
    await database.read(orgId, (connection) => connection.run('SELECT 1'))
  gone.abort()
  expect(new Set((await ended).map(({ status }) => status))).toEqual(new Set(['rejected']))
  // None of the shares is lost.
  const again = Array.from({ length: READERS }, () =>
    database.read('a', (connection) => connection.run('SELECT 1')),
  )
  expect(await Promise.all(again)).toHaveLength(READERS)
  await database.close()
})

test('closing interrupts a connection that was lent; who has it gives it back', async () => {
  const connection = await database.lend()
  const query = connection.run(ENDLESS).finally(() => database.release(connection))
  const ended = expect(query).rejects.toThrow('Interrupted')
  await database.close()
  await ended
  await expect(database.lend()).rejects.toThrow('stopping')
})

test('what exports hold is taken off the memory while they run, up to a quarter of it', async () => {
  const connection = await database.lend()
  const limit = async () => {
    const reader = await connection.runAndReadAll("SELECT current_setting('memory_limit')")
    return reader.getRows()[0]![0]
  }
  const limits = [await limit()]
  for (const change of [1, 1, -1, -1] as const) {
    await database.countExport(change, connection)
    limits.push(await limit())
  }
  expect(limits).toEqual(['256.0 MiB', '192.0 MiB', '192.0 MiB', '192.0 MiB', '256.0 MiB'])
  database.release(connection)
  await database.close()
})
