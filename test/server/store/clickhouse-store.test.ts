/** The store of several servers: what deletions leave is what DuckDB leaves; and what it is opened with is checked. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ClickHouseStore } from '../../../src/server/store/clickhouse/clickhouse-store.js'
import { LEASE_LOCK, Postgres } from '../../../src/server/store/postgres/database.js'
import { PostgresLease } from '../../../src/server/store/postgres/lease.js'
import { PostgresControl } from '../../../src/server/store/postgres/postgres-control.js'
import type { Store, StoredPeerEvent } from '../../../src/server/store/store.js'
import type { Session } from '../../../src/session/session.js'
import { batch, report, session } from '../../support/batches.js'
import { aPeerEvent } from '../../support/peer-events.js'
import { ALWAYS, stored, TestStore } from '../../support/store.js'
import { SharedStore, whyNoSeveral } from '../../support/two-servers.js'

const missing = whyNoSeveral()
const NOW_US = Date.UTC(2026, 10, 22, 12) * 1e3
const HOUR_US = 3600e6
const DAY_US = 24 * HOUR_US
const USAGE = { fromMonth: '2026-01', toMonth: '2026-12', groupBy: 'user' } as const

describe.skipIf(missing !== null)(
  `sessions and the rest${missing === null ? '' : ` (${missing})`}`,
  () => {
    let shared: SharedStore
    let postgres: Postgres
    let control: PostgresControl
    let several: ClickHouseStore
    let duck: TestStore
    let orgId = 'o0'
    let orgs = 0
    const options = () => ({
      ...{ postgres, writes: postgres, locks: postgres, clockUs: () => NOW_US, staleMs: 0 },
      address: { url: shared.clickhouse.url, database: new URL(shared.store).pathname.slice(1) },
    })

    beforeAll(async () => {
      shared = await SharedStore.start()
      postgres = await Postgres.open({ url: shared.control })
      control = await PostgresControl.open(postgres)
      several = await ClickHouseStore.open(options())
    }, 300_000)
    afterAll(async () => {
      await several?.close()
      await control?.close()
      await postgres?.close()
      await shared?.close()
    })
    beforeEach(async () => {
      orgId = `o${++orgs}`
      await control.putOrg(orgId, { retentionDays: 30 })
      duck = await TestStore.open()
      duck.nowUs = NOW_US
    })
    afterEach(() => duck.close())

    const stores = (): Store[] => [duck.store, several]

    /** Sessions that ended so many hours ago, of one of two people. */
    async function fill(hours: readonly number[], peerEvents: readonly StoredPeerEvent[] = []) {
      const sessions = hours.map((ago, i): Session => {
        const startTimeUs = NOW_US - ago * HOUR_US - 1e6
        const own = { userId: i % 2 === 0 ? 'otto' : 'ulla', clientId: 1 + (i % 2) }
        return session(i + 1, { startTimeUs, endTimeUs: startTimeUs + 1e6, ...own })
      })
      const one = batch(1, [], {
        report: report({ startedAt: '2026-11-01T00:00:00.000Z', at: '2026-11-22T11:59:00.000Z' }),
      })
      const rows = sessions.map((s) => stored(s, orgId, 1, one.meterId))
      for (const store of stores())
        await store.write({ orgId, siteId: 1, batch: one, sessions: rows, peerEvents })
    }

    /** Sends one report of each session, as the batch of this number. */
    async function send(number: number, sessions: readonly Session[]) {
      const one = batch(number, [])
      const rows = sessions.map((s) => stored(s, orgId, 1, one.meterId))
      for (const store of stores())
        await store.write({ orgId, siteId: 1, batch: one, sessions: rows })
    }

    /** The same answers from both. @returns the number of sessions that are shown */
    async function same(): Promise<number> {
      const answers = await Promise.all(
        stores().map(async (store) => {
          const range = { fromUs: 0, toUs: 2 * NOW_US }
          const { deletedBeforeUs, gaps } = await store.coverage(orgId, range)
          const { rows } = await store.page(orgId, {
            ...{
              filter: ALWAYS,
              sort: { key: 'startTime', descending: false },
              limit: 100,
              offset: 0,
            },
          })
          const usage = await store.usage(orgId, USAGE)
          return { deletedBeforeUs, gaps, ids: rows.map(({ sessionId }) => sessionId), usage }
        }),
      )
      expect(answers[1]).toEqual(answers[0])
      return answers[1]!.ids.length
    }

    const inClickHouse = async () =>
      Number(
        await shared.clickhouse.query(
          `SELECT count() FROM ${new URL(shared.store).pathname.slice(1)}.session FINAL WHERE org_id = '${orgId}'`,
        ),
      )

    test('retention hides at once and deletes by whole days; totals stay', async () => {
      await fill([1, 2, 30, 31, 49, 50])
      expect(await same()).toBe(6)
      const both = (beforeUs: number) =>
        Promise.all(stores().map((store) => store.expire(orgId, beforeUs)))
      expect(await both(NOW_US - 30.5 * HOUR_US)).toEqual([3, 3])
      expect(await same()).toBe(3)
      // 30.5 hours ago the day had begun, of which one is.
      expect(await inClickHouse()).toBe(4)
      expect(await both(NOW_US - 12 * HOUR_US)).toEqual([1, 1])
      expect(await inClickHouse()).toBe(2)
      expect(await same()).toBe(2)
      expect(await both(Number.MAX_SAFE_INTEGER)).toEqual([2, 2])
      expect(await same()).toBe(0)
      // A longer retention may follow, and nothing later than the youngest of them was deleted.
      const { deletedBeforeUs } = await several.coverage(orgId, { fromUs: 0, toUs: 2 * NOW_US })
      expect(deletedBeforeUs).toBe(NOW_US - HOUR_US + 1)
    })

    test('an erased person leaves what DuckDB leaves', async () => {
      const event = { ...aPeerEvent({ userId: 'otto' }), meterId: 'meter-1', eventId: 'e1' }
      await fill([60, 1, 2, 3], [event])
      await Promise.all(stores().map((store) => store.expire(orgId, NOW_US - DAY_US)))
      const subject = { userId: 'otto' }
      const erased = await Promise.all(stores().map((store) => store.erase(orgId, subject)))
      expect(erased).toEqual([1, 1])
      expect(await same()).toBe(2)
      expect(await several.peerEventsOf(orgId, subject)).toBe(0)
    })

    test('pseudonyms: in sessions, totals and events of peers, and the same in all of them', async () => {
      const event = {
        ...aPeerEvent({ userId: 'ulla', clientId: 2 }),
        meterId: 'meter-1',
        eventId: 'e1',
      }
      await fill([1, 2, 3, 60], [event])
      await several.expire(orgId, NOW_US - DAY_US)
      await several.expire(orgId, NOW_US - 1.5 * HOUR_US)
      await fillMore()
      expect(await several.pseudonymise(orgId, { userId: 'ulla' }, [])).toBeGreaterThan(0)
      const users = (await several.usage(orgId, USAGE)).map(({ id }) => id)
      expect(users.toSorted()).toEqual(['otto', expect.stringMatching(/^pseudonym-/)])
      const events = await several.peerEvents(orgId, { filter: ALWAYS, limit: 10 })
      expect(events.rows.map(({ userId, publicKey }) => [userId, publicKey])).toEqual([
        [users.find((id) => id !== 'otto'), null],
      ])
      expect(await several.peerEventsOf(orgId, { userId: 'ulla' })).toBe(0)
    })

    /** One that is not hidden. */
    async function fillMore(): Promise<void> {
      const startTimeUs = NOW_US + HOUR_US
      const one = session(99, {
        startTimeUs,
        endTimeUs: startTimeUs + 1,
        userId: 'ulla',
        clientId: 2,
      })
      const given = batch(2, [], { report: report({ startedAt: '2026-11-01T00:00:00.000Z' }) })
      await several.write({
        ...{ orgId, siteId: 1, batch: given },
        sessions: [stored(one, orgId, 1, given.meterId)],
      })
    }

    test('an open session that retention deleted counts once in the months when its meter is back', async () => {
      const startTimeUs = NOW_US - 4 * DAY_US
      const report = (id: number, bytesTx: number, daysAgo: number, more: Partial<Session> = {}) =>
        session(id, {
          ...{ startTimeUs, endTimeUs: NOW_US - daysAgo * DAY_US, userId: 'otto' },
          ...{ endReason: 'activeTimeout', bytesTx, packetsTx: bytesTx, ...more },
        })
      const used = async () => {
        await same()
        const rows = await several.usage(orgId, USAGE)
        return rows.map(({ id, sessions, bytesTx }) => [id, sessions, bytesTx])
      }
      await send(1, [report(1, 1000, 3), report(2, 7, 3)])
      for (const store of stores()) await store.expire(orgId, NOW_US - 2 * DAY_US)
      expect(await used()).toEqual([['otto', 2, 1007]])
      // The batch of another meter of the site, as a stolen key sends it, takes nothing back.
      const stolen = { ...batch(1, []), meterId: 'another', spoolId: 'another' }
      const row = stored(report(2, 1, 0.5), orgId, 1, 'another')
      for (const store of stores())
        await store.write({ orgId, siteId: 1, batch: stolen, sessions: [row] })
      expect(await used()).toEqual([['otto', 2, 1007]])
      await send(2, [report(1, 1200, 0.5)])
      expect(await used()).toEqual([['otto', 2, 1207]])
      await send(3, [report(1, 1500, 0, { endReason: 'endOfFlowDetected' })])
      expect(await used()).toEqual([['otto', 2, 1507]])
      for (const store of stores()) await store.expire(orgId, NOW_US + DAY_US)
      expect(await used()).toEqual([['otto', 2, 1507]])
      for (const store of stores()) await store.erase(orgId, { userId: 'otto' })
      await send(4, [report(2, 9, 0)])
      expect(await used()).toEqual([
        [null, 1, 1500],
        ['otto', 1, 9],
      ])
    })

    test('a removed site and a removed organisation', async () => {
      await fill([1, 2, 3])
      const removed = await Promise.all(stores().map((store) => store.removeSessions(orgId, 1)))
      expect(removed).toEqual([3, 3])
      expect(await same()).toBe(0)
      await control.removeOrg(orgId)
      await several.removeOrg(orgId)
      expect(await several.usage(orgId, USAGE)).toEqual([])
      expect(await several.meters(orgId)).toEqual([])
      const removal = { code: 'ORG_REMOVED' }
      await expect(fillMore()).rejects.toMatchObject(removal)
      await expect(several.writeLoose(orgId, 1, [])).rejects.toMatchObject(removal)
    })

    test('losses of access logs are known', async () => {
      const loss = { meterId: 'newt', reason: 'sessionsRefused', sessions: 2 }
      const losses = [{ ...loss, fromUs: NOW_US - HOUR_US, toUs: NOW_US - HOUR_US }]
      for (const store of stores())
        for (const _ of [1, 2]) await store.writeLoose(orgId, 1, [], losses)
      await same()
      expect(await several.gaps(orgId, 0, NOW_US)).toMatchObject([{ sessions: 4 }])
    })

    test('databases that are newer, of another installation or not durable are refused', async () => {
      const other = await Postgres.open({ url: await shared.postgres.database() })
      const open = (change: object) => ClickHouseStore.open({ ...options(), ...change })
      await expect(open({ postgres: other })).rejects.toMatchObject({ code: 'STORE_OTHER' })
      await other.close()
      await shared.clickhouse.query('CREATE DATABASE newer')
      await shared.clickhouse.query(
        "CREATE TABLE newer.owner (version UInt32, id String) ENGINE = MergeTree ORDER BY version AS SELECT 99, 'x'",
      )
      const address = { url: shared.clickhouse.url, database: 'newer' }
      await expect(open({ address })).rejects.toMatchObject({ code: 'STORE_NEWER' })
      const nowhere = { url: shared.clickhouse.url, database: 'nowhere' }
      await expect(open({ address: nowhere })).rejects.toMatchObject({
        ...{ code: 'STORE_UNREADABLE', message: 'ClickHouse has no such database' },
      })
      const stranger = { ...options().address, username: 'eve', password: 'x' }
      await expect(open({ address: stranger })).rejects.toMatchObject({ code: 'STORE_UNREADABLE' })
      const lazy = await shared.postgres.database()
      await postgres.query(
        `ALTER DATABASE ${new URL(lazy).pathname.slice(1)} SET synchronous_commit = off`,
      )
      await expect(Postgres.open({ url: lazy })).rejects.toMatchObject({
        code: 'STORE_NOT_DURABLE',
      })
    })

    test('one server has the lease, and another gets it when that has gone', async () => {
      const [one, other] = Array.from(
        { length: 2 },
        () => new PostgresLease(shared.control, LEASE_LOCK),
      ) as [PostgresLease, PostgresLease]
      expect([await one.isMine(), await other.isMine(), await one.isMine()]).toEqual([
        true,
        false,
        true,
      ])
      await one.close()
      await expect.poll(() => other.isMine()).toBe(true)
      await other.close()
    })
  },
)
