/** Catalogs, over every engine: versions and If-Match, today's names, and former ones. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Postgres } from '../../../../src/server/store/postgres/database.js'
import { PostgresCatalogs } from '../../../../src/server/store/postgres/postgres-catalogs.js'
import type { Catalogs } from '../../../../src/server/store/store.js'
import { type Catalog, EMPTY_CATALOG } from '../../../../src/session/catalog.js'
import { TestPostgres, whyNoPostgres } from '../../../support/postgres.js'
import { TestStore } from '../../../support/store.js'

const DAY_US = 86_400e6
const USER = { kind: 'user', id: 'u1' } as const
let nowUs = Date.UTC(2026, 10, 22) * 1e3
let database: TestPostgres

interface Opened {
  /** As two servers see them; of DuckDB there is only one. */
  readonly servers: readonly [Catalogs, Catalogs]
  close(): Promise<void>
}

async function duckdb(): Promise<Opened> {
  const t = await TestStore.open(100, { clockUs: () => nowUs })
  return { servers: [t.store, t.store], close: () => t.close() }
}

async function postgresql(): Promise<Opened> {
  const url = await database.database()
  const both = [await Postgres.open({ url }), await Postgres.open({ url })] as const
  const [one, two] = both.map((postgres) => new PostgresCatalogs(postgres, () => nowUs))
  const close = async () => void (await Promise.all(both.map((postgres) => postgres.close())))
  return { servers: [one!, two!], close }
}

const named = (name: string, more: Partial<Catalog> = {}): Catalog => ({
  ...EMPTY_CATALOG,
  users: [{ userId: 'u1', name, email: `${name}@example.org` }],
  ...more,
})

for (const [name, open] of Object.entries({ duckdb, postgresql })) {
  const why = name === 'postgresql' ? whyNoPostgres() : null
  describe.skipIf(why !== null)(why === null ? `in ${name}` : `in ${name}: ${why}`, () => {
    if (name === 'postgresql') {
      beforeAll(async () => {
        database = await TestPostgres.start()
      }, 60_000)
      afterAll(() => database.close())
    }
    let opened: Opened
    let catalogs: Catalogs
    let other: Catalogs
    beforeEach(async () => {
      opened = await open()
      ;[catalogs, other] = opened.servers
    })
    afterEach(() => opened.close())

    const calledSo = async (entry: Parameters<Catalogs['namesOf']>[1] = USER) =>
      (await other.namesOf('acme', entry)).map((one) => one.name)

    test('a catalog is there as it was put, on every server, and is empty before', async () => {
      const none = await catalogs.catalog('acme')
      expect(none).toMatchObject({ catalog: EMPTY_CATALOG, updatedAt: new Date(0).toISOString() })
      const catalog = named(`it's \\ "é" 🛰`, { sites: [{ siteId: 3, name: 'Berlin' }] })
      const put = await catalogs.putCatalog('acme', catalog)
      expect(put).toEqual({
        catalog,
        etag: put!.etag,
        updatedAt: new Date(nowUs / 1e3).toISOString(),
      })
      expect(await other.catalog('acme')).toEqual(put)
      expect(await other.catalog('other')).toEqual(none)
      expect(await calledSo({ kind: 'site', id: 3 })).toEqual(['Berlin'])
    })

    test('a change of another version than the current one is refused; of two at once one wins', async () => {
      const { etag } = (await catalogs.putCatalog('acme', named('Anna')))!
      expect(await other.putCatalog('acme', named('Ben'), ['another'])).toBeNull()
      const both = await Promise.all([
        catalogs.putCatalog('acme', named('Ben'), ['another', etag]),
        other.putCatalog('acme', named('Cem'), [etag]),
      ])
      const won = both.filter((one) => one !== null)
      expect(won).toHaveLength(1)
      expect(await other.catalog('acme')).toEqual(won[0])
    })

    test('former names are known with their ends, also of what was removed and comes again', async () => {
      const times: number[] = []
      for (const next of [named('Anna'), named('Ben'), named('Ben'), EMPTY_CATALOG, named('Cem')]) {
        nowUs += DAY_US
        times.push(nowUs)
        await catalogs.putCatalog('acme', next)
      }
      expect(await other.namesOf('acme', USER)).toEqual([
        { name: 'Anna', email: 'Anna@example.org', untilUs: times[1] },
        { name: 'Ben', email: 'Ben@example.org', untilUs: times[3] },
        { name: 'Cem', email: 'Cem@example.org', untilUs: null },
      ])
      expect(await calledSo({ kind: 'client', id: 1 })).toEqual([])
    })

    test('an entry has a bound of former names, and other organisations keep theirs', async () => {
      await catalogs.putCatalog('other', named('Else'))
      for (let i = 0; i < 14; i++) {
        await catalogs.putCatalog('acme', named(`name ${i}`))
        nowUs += DAY_US
      }
      expect(await calledSo()).toEqual(Array.from({ length: 11 }, (_, i) => `name ${i + 3}`))
      expect((await other.namesOf('other', USER)).map((one) => one.name)).toEqual(['Else'])
    })
  })
}

describe.skipIf(whyNoPostgres() !== null)('names that nobody needs, in postgresql', () => {
  beforeAll(async () => {
    database = await TestPostgres.start()
  }, 60_000)
  afterAll(() => database.close())

  test('go by time, and by entry; today’s names stay', async () => {
    const postgres = await Postgres.open({ url: await database.database() })
    const catalogs = new PostgresCatalogs(postgres, () => nowUs)
    const called = async () => (await catalogs.namesOf('acme', USER)).map((one) => one.name)
    for (const next of [named('Anna'), named('Ben'), EMPTY_CATALOG]) {
      await catalogs.putCatalog('acme', next)
      nowUs += 10 * DAY_US
    }
    await catalogs.forgetNamesBefore('acme', nowUs - 15 * DAY_US)
    expect(await called()).toEqual(['Ben'])
    await catalogs.putCatalog('acme', named('Cem'))
    await catalogs.forgetNamesOf('acme', USER)
    expect(await called()).toEqual(['Cem'])
    nowUs += DAY_US
    await catalogs.putCatalog('acme', EMPTY_CATALOG)
    await catalogs.forgetNamesOf('acme', USER)
    expect(await called()).toEqual([])
    await postgres.close()
  })
})
