/** What one retention run deletes: no more than was expired when it began, however fast a meter sends more. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Database, rowsOf } from '../../../src/server/store/duckdb/database.js'
import { Retention } from '../../../src/server/store/duckdb/write/retention.js'
import { Mutex } from '../../../src/server/store/mutex.js'
import { batch, session } from '../../support/batches.js'
import { ALWAYS, TestStore } from '../../support/store.js'

const ORG = 'acme'
const SESSIONS = 25
const CUT_US = Date.UTC(2030, 0, 1) * 1e3

let t: TestStore
beforeEach(async () => {
  t = await TestStore.open()
})
afterEach(() => t.close())

test('sessions that arrive while a run deletes are left to the next one', async () => {
  const sessions = Array.from({ length: SESSIONS }, (_, i) => session(i + 1))
  await t.send(ORG, 1, batch(1, sessions))
  expect(await t.store.count(ORG, ALWAYS)).toBe(SESSIONS)
  await t.store.close()
  const database = await Database.open({ directory: t.directory, memoryBytes: 2 ** 28, threads: 1 })
  const meter = await database.connect()
  await meter.run('CREATE TEMP TABLE sent AS SELECT * FROM session')
  let sent = 0
  const retention = new Retention(await database.connect(), {
    mutex: new Mutex(),
    between: (work) => work(),
    makeRoom: async () => {
      if (++sent <= 5) await meter.run('INSERT INTO session SELECT * FROM sent')
    },
  })
  expect(await retention.expire(ORG, CUT_US)).toBe(SESSIONS)
  const left = await rowsOf(meter, 'SELECT count(*)::DOUBLE AS n FROM session')
  expect(left).toEqual([{ n: sent * SESSIONS }])
  await database.close()
})
