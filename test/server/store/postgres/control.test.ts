/** Control in PostgreSQL with two servers, and with a database that is killed. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Postgres } from '../../../../src/server/store/postgres/database.js'
import { PostgresControl } from '../../../../src/server/store/postgres/postgres-control.js'
import { TestPostgres, whyNoPostgres } from '../../../support/postgres.js'
import { until } from '../../../support/until.js'

const NOW_MS = Date.parse('2026-01-01T00:00:00Z')
const why = whyNoPostgres()

describe.skipIf(why !== null)(`Control in PostgreSQL${why === null ? '' : `: ${why}`}`, () => {
  let database: TestPostgres
  beforeAll(async () => {
    database = await TestPostgres.start()
  }, 60_000)
  afterAll(() => database.close())

  async function serverOn(url: string): Promise<PostgresControl> {
    const postgres = await Postgres.open({ url })
    const control = await PostgresControl.open(postgres)
    onTestFinished(async () => {
      await control.close()
      await postgres.close()
    })
    return control
  }
  const newKey = (control: PostgresControl, name: string) =>
    control.createKey({ scope: 'read', orgId: 'acme', siteId: null, name, expiresAt: null })

  /** A busy machine may keep a server from asking in time; it then knows nothing for a moment. */
  const seen = (condition: () => boolean) =>
    until(() => {
      try {
        return condition()
      } catch (error) {
        expect(error).toMatchObject({ code: 'CONTROL_AWAY' })
        return false
      }
    })

  describe('two servers', () => {
    test('start at once on an empty database', async () => {
      const url = await database.database()
      const all = await Promise.all([1, 2, 3, 4].map(() => serverOn(url)))
      expect(await Promise.all(all.map((one) => one.hasKeys()))).toEqual(all.map(() => false))
    })

    test('know what the other one changed: a revoked key is refused', async () => {
      const url = await database.database()
      const [one, other] = [await serverOn(url), await serverOn(url)]
      const { key, record } = await newKey(one, 'reader')
      await seen(() => other.check(key, NOW_MS).ok)
      await one.putOrg('acme', { retentionDays: 30 })
      await one.revokeKey(record.keyId)
      expect(one.check(key, NOW_MS)).toMatchObject({ reason: 'keyRevoked' })
      await seen(() => !other.check(key, NOW_MS).ok)
      expect(other.check(key, NOW_MS)).toMatchObject({ reason: 'keyRevoked' })
      expect(other.org('acme')?.retentionDays).toBe(30)
      await other.forgetKey(record.keyId)
      await seen(() => one.key(record.keyId) === undefined)
      await other.removeOrg('acme')
      await seen(() => one.org('acme') === undefined)
    })

    test('change the same at the same moment: all of it happens, one after another', async () => {
      const url = await database.database()
      const servers = [await serverOn(url), await serverOn(url)]
      const made = await Promise.all(
        Array.from({ length: 40 }, (_, i) => newKey(servers[i % 2]!, `key ${i}`)),
      )
      await Promise.all(made.map(({ record }, i) => servers[(i + 1) % 2]!.revokeKey(record.keyId)))
      for (const server of servers) {
        expect(await server.countKeys('acme')).toBe(0)
        await seen(() => made.every(({ key }) => !server.check(key, NOW_MS).ok))
      }
    })

    test('write audit entries whose ids rise, none lost', async () => {
      const url = await database.database()
      const servers = [await serverOn(url), await serverOn(url)]
      const entry = { event: 'keyCreated', trail: 'acme', address: null, by: null } as const
      const record = (i: number) =>
        servers[i % 2]!.audit.record({ ...entry, atMs: NOW_MS + i, facts: { i } })
      await Promise.all(Array.from({ length: 60 }, (_, i) => record(i)))
      const { entries } = await servers[0]!.audit.page('acme', { limit: 100 })
      expect(entries.map(({ id }) => id)).toEqual(Array.from({ length: 60 }, (_, i) => 60 - i))
      expect(new Set(entries.map(({ facts }) => facts.i)).size).toBe(60)
    })
  })

  test('a killed database: nothing acknowledged is lost, nobody is let in on old knowledge, and it goes on by itself', async () => {
    const control = await serverOn(await database.database())
    const { key, record } = await newKey(control, 'reader')
    await database.kill()
    onTestFinished(async () => {
      if (!database.isUp) await database.go()
    })
    await expect(control.revokeKey(record.keyId)).rejects.toMatchObject({ code: 'STORE_BUSY' })
    const isAway = () => {
      try {
        return !control.check(key, NOW_MS).ok
      } catch (error) {
        expect(error).toMatchObject({ code: 'CONTROL_AWAY' })
        return true
      }
    }
    await until(isAway)
    expect(() => control.key(record.keyId)).toThrow(/does not answer/)
    await database.go()
    await until(() => !isAway())
    expect((await control.keys()).map((k) => k.name)).toEqual(['reader'])
    await control.revokeKey(record.keyId)
    expect(control.check(key, NOW_MS)).toMatchObject({ reason: 'keyRevoked' })
  })

  test('a database of a newer version is left alone', async () => {
    const url = await database.database()
    const postgres = await Postgres.open({ url })
    await postgres.query('UPDATE tunmeter_schema SET version = 9999')
    await postgres.close()
    await expect(Postgres.open({ url })).rejects.toMatchObject({ code: 'STORE_NEWER' })
  })
})
