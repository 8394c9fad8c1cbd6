/** Names of the catalog: sessions show those of today, what was before is known as long as sessions need it, and goes. */
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Catalog, EMPTY_CATALOG } from '../../../src/session/catalog.js'
import { batch, report, session } from '../../support/batches.js'
import { ALWAYS, TestStore } from '../../support/store.js'

const DAY_US = 86_400e6
const USER = { kind: 'user', id: 'u1' } as const
const USER_OF = { userId: 'u1' }

let t: TestStore
beforeEach(async () => {
  t = await TestStore.open()
  t.nowUs = Date.now() * 1e3
})
afterEach(() => t.close())

function put(name: string | null, email = `${name}@example.org`) {
  const catalog: Catalog =
    name === null ? EMPTY_CATALOG : { ...EMPTY_CATALOG, users: [{ userId: 'u1', name, email }] }
  return t.store.putCatalog('acme', catalog)
}

async function namedIn(q?: string): Promise<(string | null)[]> {
  const sort = { key: 'startTime', descending: true } as const
  const filter = q === undefined ? ALWAYS : { ...ALWAYS, text: q }
  const { rows } = await t.store.page('acme', { filter, sort, limit: 10, offset: 0 })
  return rows.map((row) => row.userName)
}

const calledSo = async () => (await t.store.namesOf('acme', USER)).map(({ name }) => name)

test('a row has the name of today; what the entry was called before is known with its end', async () => {
  await put('Anna')
  await t.send('acme', 1, batch(1, [session(1, { userId: 'u1' })], { report: report() }))
  t.nowUs += DAY_US
  const renamedUs = t.nowUs
  await put('Ben')
  expect(await namedIn()).toEqual(['Ben'])
  expect(await t.store.namesOf('acme', USER)).toEqual([
    { name: 'Anna', email: 'Anna@example.org', untilUs: renamedUs },
    { name: 'Ben', email: 'Ben@example.org', untilUs: null },
  ])
  t.nowUs += DAY_US
  await put('Ben')
  expect(await calledSo()).toEqual(['Anna', 'Ben'])
})

test('the name of what was removed goes on until then, when its id is given again', async () => {
  await put('Anna')
  t.nowUs += DAY_US
  const removedUs = t.nowUs
  await put(null)
  expect(await calledSo()).toEqual(['Anna'])
  t.nowUs += DAY_US
  await put('Ben')
  expect((await t.store.namesOf('acme', USER))[0]).toMatchObject({ untilUs: removedUs })
})

test('names that no kept session can need go with the sessions', async () => {
  for (const name of ['Anna', 'Ben', null]) {
    await put(name)
    t.nowUs += 10 * DAY_US
  }
  await t.store.expire('acme', t.nowUs - 15 * DAY_US)
  expect(await calledSo()).toEqual(['Ben'])
  await t.store.expire('acme', t.nowUs - 5 * DAY_US)
  expect(await calledSo()).toEqual([])
})

test('an entry has a bound of former names, and other organisations keep theirs', async () => {
  const other = { ...EMPTY_CATALOG, users: [{ userId: 'u1', name: 'Else' }] }
  await t.store.putCatalog('other', other)
  for (let i = 0; i < 14; i++) {
    await put(`name ${i}`)
    t.nowUs += DAY_US
  }
  expect(await calledSo()).toEqual(Array.from({ length: 11 }, (_, i) => `name ${i + 3}`))
  await t.store.erase('acme', USER_OF)
  expect((await t.store.namesOf('other', USER)).map(({ name }) => name)).toEqual(['Else'])
})

test('of an erased person no table has a name, whatever it was', async () => {
  await put('Annabella')
  t.nowUs += DAY_US
  await put('Benvenuto')
  await t.send('acme', 1, batch(1, [session(1, { userId: 'u1' })], { report: report() }))
  await put(null)
  await t.store.erase('acme', USER_OF)
  expect(await calledSo()).toEqual([])
  expect(await namedIn()).toEqual([])
  await t.store.close()
  const instance = await DuckDBInstance.create(join(t.directory, 'sessions.duckdb'))
  const connection = await instance.connect()
  const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRowsJson()
  const tables = (await rows('SELECT table_name FROM duckdb_tables()')).flat().map(String)
  expect(tables).toContain('catalog_past')
  for (const table of tables) {
    const named = `SELECT t::VARCHAR FROM ${table} t WHERE regexp_matches(t::VARCHAR, 'Annabella|Benvenuto')`
    expect(await rows(named), table).toEqual([])
  }
  connection.closeSync()
  instance.closeSync()
  await t.reopen()
})
