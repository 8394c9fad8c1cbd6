/** The log of peers in PostgreSQL answers as DuckDB's does, whatever meters tell. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { checkPeerEvents } from '../../../../src/server/ingest/peer-events.js'
import { Postgres } from '../../../../src/server/store/postgres/database.js'
import { PostgresCatalogs } from '../../../../src/server/store/postgres/postgres-catalogs.js'
import { PostgresLedger } from '../../../../src/server/store/postgres/postgres-ledger.js'
import { PostgresPeerLog } from '../../../../src/server/store/postgres/postgres-peer-log.js'
import type { PeerFilter, PeerLog, PeerPosition } from '../../../../src/server/store/store.js'
import type { Catalog } from '../../../../src/session/catalog.js'
import { batch } from '../../../support/batches.js'
import { aPeerEvent } from '../../../support/peer-events.js'
import { TestPostgres, whyNoPostgres } from '../../../support/postgres.js'
import { rounds } from '../../../support/rounds.js'
import { TestStore } from '../../../support/store.js'

const why = whyNoPostgres()
const AT_US = Date.UTC(2026, 10, 22, 11) * 1e3
const HOUR_US = 3600e6
const KEYS = ['B', 'C'].map((letter) => `${letter.repeat(42)}A=`)
const CATALOG: Catalog = {
  clients: [{ clientId: 1, name: 'laptop', addresses: [] }],
  users: [{ userId: 'u1', name: 'Ada', email: 'a@x.org' }],
  resources: [],
  sites: [{ siteId: 1, name: 'Berlin' }],
}

const anyEvent = fc.record({
  event: fc.constantFrom('connected', 'connected', 'disconnected', 'endpointChanged', 'gone'),
  hours: fc.nat(60),
  key: fc.constantFrom(null, ...KEYS),
  client: fc.constantFrom(1, 2),
  hasUser: fc.boolean(),
  port: fc.integer({ min: 1, max: 3 }),
  interface: fc.constantFrom('wg0', 'Wg1'),
  already: fc.boolean(),
  site: fc.constantFrom(1, 2),
})

describe.skipIf(why !== null)(
  `the log of peers in PostgreSQL${why === null ? '' : `: ${why}`}`,
  () => {
    let database: TestPostgres
    beforeAll(async () => {
      database = await TestPostgres.start()
    }, 60_000)
    afterAll(() => database.close())

    async function pages(log: Pick<PeerLog, 'peerEvents'>, orgId: string, filter: PeerFilter) {
      const rows = []
      let after: PeerPosition | undefined
      do {
        const page = await log.peerEvents(orgId, { filter, limit: 7, after })
        rows.push(...page.rows)
        after = page.next ?? undefined
      } while (after !== undefined)
      return rows
    }

    async function answers(
      log: Pick<PeerLog, 'peerEvents' | 'peerConnections' | 'peerEventsOf'>,
      orgId: string,
    ) {
      const all = { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER }
      const some = { fromUs: AT_US + 20 * HOUR_US, toUs: AT_US + 40 * HOUR_US }
      const filters: PeerFilter[] = [
        ...[all, some, { ...some, clientIds: [1, null] }, { ...all, userIds: ['u1'] }],
        ...[
          { ...all, siteIds: [2], publicKeys: [KEYS[0]!] },
          { ...all, events: ['gone' as const] },
        ],
      ]
      const found = []
      for (const filter of filters) {
        const ask = (open: boolean) => log.peerConnections(orgId, { filter, limit: 500, open })
        found.push(await pages(log, orgId, filter), await ask(false), await ask(true))
      }
      const [client, user] = [{ clientId: 2 }, { userId: 'u1' }]
      return [...found, await log.peerEventsOf(orgId, client), await log.peerEventsOf(orgId, user)]
    }

    test('in pages, as connections, and in numbers', async () => {
      const duck = await TestStore.open()
      const postgres = await Postgres.open({ url: await database.database() })
      onTestFinished(async () => {
        await postgres.close()
        await duck.close()
      })
      await postgres.query(
        "INSERT INTO org SELECT 'o' || i, '{}', 0 FROM generate_series(1, 200) i",
      )
      const clockUs = () => duck.nowUs
      const storeSessions = async () => []
      const openSessions = async () => new Map<string, number>()
      const ledger = new PostgresLedger(postgres, {
        ...{ clockUs, storeSessions, openSessions },
        arriving: (_orgIds, work) => work(1),
      })
      const log = new PostgresPeerLog(postgres)
      let round = 0
      await fc.assert(
        fc.asyncProperty(fc.array(anyEvent, { minLength: 1, maxLength: 40 }), async (given) => {
          const orgId = `o${++round}`
          await duck.store.putCatalog(orgId, CATALOG)
          await new PostgresCatalogs(postgres, clockUs).putCatalog(orgId, CATALOG)
          for (const siteId of [1, 2]) {
            const events = given
              .filter(({ site }) => site === siteId)
              .map(({ event, hours, key, client, hasUser, port, already, ...more }) =>
                aPeerEvent({
                  ...{ event, timeUs: AT_US + hours * HOUR_US, interface: more.interface, already },
                  ...{ publicKey: key, clientId: client, userId: hasUser ? 'u1' : null },
                  ...(event === 'endpointChanged' && { endpointBefore: '203.0.113.9:9' }),
                  endpoint: `203.0.113.7:${port}`,
                }),
              )
            const { events: peerEvents } = checkPeerEvents(
              events,
              'gate',
              Number.MAX_SAFE_INTEGER,
              0,
            )
            const one = { ...batch(1, []), meterId: 'gate' }
            const request = { orgId, siteId, batch: one, sessions: [], peerEvents }
            await duck.store.write(request)
            await ledger.write(request)
          }
          expect(await answers(log, orgId)).toEqual(await answers(duck.store, orgId))
        }),
        { numRuns: rounds(8, 20), endOnFailure: true },
      )
    }, 300_000)
  },
)
