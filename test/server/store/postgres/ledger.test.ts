/**
 * The ledger in PostgreSQL: it answers as DuckDB's does, whatever meters send; two servers book a batch once; and a
 * killed database loses and doubles nothing.
 */
import fc from 'fast-check'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFinished,
  test,
} from 'vitest'
import { METERS_MAX } from '../../../../src/server/store/meters/meters.js'
import { Postgres } from '../../../../src/server/store/postgres/database.js'
import { PostgresLedger } from '../../../../src/server/store/postgres/postgres-ledger.js'
import { sessionsLock } from '../../../../src/server/store/postgres/postgres-meta.js'
import type { Ledger, WriteReceipt, WriteRequest } from '../../../../src/server/store/store.js'
import type { Batch, BatchGap } from '../../../../src/session/batch.js'
import { batch, report, session } from '../../../support/batches.js'
import { TestPostgres, whyNoPostgres } from '../../../support/postgres.js'
import { rounds } from '../../../support/rounds.js'
import { stored, TestStore } from '../../../support/store.js'

const why = whyNoPostgres()
const START_US = Date.UTC(2026, 10, 22, 12) * 1e3
const SECOND_US = 1e6
const iso = (us: number) => new Date(us / 1e3).toISOString()

describe.skipIf(why !== null)(`the ledger in PostgreSQL${why === null ? '' : `: ${why}`}`, () => {
  let database: TestPostgres
  let nowUs = START_US
  beforeAll(async () => {
    database = await TestPostgres.start()
  }, 60_000)
  afterAll(() => database.close())

  /** What a server does with sessions: here it only counts. */
  async function serverOn(
    url: string,
    storeSessions: (_: readonly WriteRequest[]) => Promise<never[]> = async () => [],
  ) {
    const postgres = await Postgres.open({ url })
    onTestFinished(() => postgres.close())
    await postgres.query(
      `INSERT INTO org SELECT o, '{}', 0 FROM unnest(ARRAY['acme'] || ARRAY(SELECT 'o' || generate_series(1, 100))) o
       ON CONFLICT DO NOTHING`,
    )
    const openSessions = async () => new Map<string, number>()
    return new PostgresLedger(postgres, {
      ...{ clockUs: () => nowUs, storeSessions, openSessions },
      arriving: (_orgIds, work) => work(1),
    })
  }

  function send(ledger: Ledger, one: Batch, crc?: number, orgId = 'acme'): Promise<WriteReceipt> {
    return ledger.write({
      ...{ orgId, siteId: 1 },
      batch: { ...one, ...(crc !== undefined && { crc }) },
      sessions: one.sessions.map((s) => stored(s, orgId, 1, one.meterId)),
    })
  }

  describe('beside DuckDB', () => {
    let duck: TestStore
    beforeEach(async () => {
      duck = await TestStore.open()
    })
    afterEach(() => duck.close())

    const second = fc.nat(3000)
    const anyGap = fc.record({
      reason: fc.constantFrom('packetsDropped', 'interfaceGone', 'spoolFull', 'sessionsRefused'),
      sessions: fc.nat(50),
      ...{ from: second, length: second },
      numbers: fc.option(fc.record({ first: fc.integer({ min: 1, max: 30 }), more: fc.nat(3) })),
      spool: fc.option(fc.constantFrom('a', 'b')),
    })
    const anyStep = fc.record({
      meter: fc.constantFrom('gate', "it's \\ é"),
      spool: fc.constantFrom(undefined, 'a', 'b'),
      number: fc.integer({ min: 1, max: 30 }),
      crc: fc.option(fc.nat(2), { nil: undefined }),
      run: fc.nat(2),
      at: second,
      whole: fc.option(second),
      hasUptime: fc.boolean(),
      packetsDropped: fc.nat(3),
      places: fc.subarray(['p1', 'p2', 'p3']),
      gaps: fc.array(anyGap, { maxLength: 2 }),
      passed: fc.constantFrom(0, 5, 90, 700),
    })
    type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never

    function batchOf(step: Step): Batch {
      const startedUs = START_US + step.run * 1000 * SECOND_US
      const atUs = startedUs + step.at * SECOND_US
      const gaps = step.gaps.map(
        ({ reason, sessions, from, length, numbers, spool }): BatchGap => ({
          ...{ reason, sessions, from: iso(START_US + from * SECOND_US) },
          to: iso(START_US + (from + length) * SECOND_US),
          ...(numbers !== null && {
            ...{ fromBatch: numbers.first, toBatch: numbers.first + numbers.more },
            ...(spool !== null && { spoolId: spool }),
          }),
        }),
      )
      return batch(step.number, [], {
        ...{ meterId: step.meter, gaps },
        ...(step.spool !== undefined && { spoolId: step.spool }),
        report: report({
          ...{ startedAt: iso(startedUs), at: iso(atUs), places: step.places },
          packetsDropped: step.packetsDropped,
          ...(step.whole !== null && { wholeUntil: iso(startedUs + step.whole * SECOND_US) }),
          ...(step.hasUptime && {
            uptimeMs: { startedAt: step.run * 1e6 + 7, at: step.run * 1e6 + 7 + step.at * 1e3 },
          }),
        }),
      })
    }

    const sorted = <T>(list: readonly T[]) => list.map((one) => JSON.stringify(one)).sort()

    /** Lists whose order among equals is nobody's promise are sorted. */
    async function answers(ledger: Ledger, orgId: string) {
      const range = { fromUs: START_US - 86400 * SECOND_US, toUs: START_US + 86400 * SECOND_US }
      const meters = await ledger.meters(orgId)
      const { gaps, shared, meters: covered, ...rest } = await ledger.coverage(orgId, range)
      return {
        all: sorted(await ledger.gaps(orgId, 0, 2 * START_US)),
        coveredGaps: sorted(gaps),
        shared: sorted(shared),
        rest,
        covered: sorted(covered.map(({ runs, ...meter }) => ({ ...meter, runs: sorted(runs) }))),
        meters: sorted(
          meters.map(({ gaps: own, lives, ...meter }) => ({
            ...meter,
            ...{ gaps: sorted(own), lives: sorted(lives) },
          })),
        ),
      }
    }

    test('any order of numbers, spools, runs, reports and losses has the same answers', async () => {
      const ledger = await serverOn(await database.database())
      let round = 0
      await fc.assert(
        fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 25 }), async (steps) => {
          const orgId = `o${++round}`
          for (const step of steps) {
            nowUs += step.passed * SECOND_US
            duck.nowUs = nowUs
            const one = batchOf(step)
            const wanted = await send(duck.store, one, step.crc, orgId)
            // Else it may book two batches at once, which makes one point of the history.
            await duck.store.gaps(orgId, 0, 1)
            expect(await send(ledger, one, step.crc, orgId)).toEqual(wanted)
          }
          expect(await answers(ledger, orgId)).toEqual(await answers(duck.store, orgId))
        }),
        { numRuns: rounds(8, 20), endOnFailure: true },
      )
    }, 300_000)
  })

  test('of two servers with the same batch, one books it and the other says so', async () => {
    const url = await database.database()
    const servers = [await serverOn(url), await serverOn(url)]
    for (let number = 1; number <= 20; number++) {
      const one = batch(number, [session(number)], { spoolId: 'a' })
      const receipts = await Promise.all(servers.map((server) => send(server, one, number)))
      expect(receipts.map(({ repeated }) => repeated).sort()).toEqual([false, true])
    }
    const [{ lastBatch, lives }] = (await servers[0]!.meters('acme')) as [never]
    expect([lastBatch, lives]).toMatchObject([20, [{ spoolId: 'a', lastBatch: 20 }]])
    expect(await servers[1]!.gaps('acme', 0, 2 * nowUs)).toEqual([])
    const other = await send(servers[1]!, batch(20, [session(21)], { spoolId: 'a' }), 99)
    expect(other).toEqual({ batch: 20, stored: 0, repeated: false, conflict: true })
  })

  test('an organisation whose sessions are being deleted holds up no other one', async () => {
    const url = await database.database()
    const server = await serverOn(url)
    const deleting = await Postgres.open({ url })
    onTestFinished(() => deleting.close())
    await deleting.alone(sessionsLock('o1'), async () => {
      const [busy, free] = await Promise.allSettled([
        send(server, batch(1, [session(1)]), 1, 'o1'),
        send(server, batch(1, [session(1)]), 1, 'o2'),
      ])
      expect(busy).toMatchObject({ reason: { code: 'STORE_BUSY' } })
      expect(free).toMatchObject({ value: { stored: 1 } })
    })
    expect(await send(server, batch(1, [session(1)]), 1, 'o1')).toMatchObject({ repeated: false })
  })

  test('a batch whose sessions could not be stored is not booked', async () => {
    const url = await database.database()
    const failing = await serverOn(url, () => Promise.reject(new Error('no sessions today')))
    await expect(send(failing, batch(1, [session(1)]))).rejects.toThrow('no sessions today')
    expect(await failing.meters('acme')).toEqual([])
    const server = await serverOn(url)
    expect(await send(server, batch(1, [session(1)]))).toMatchObject({ stored: 1, repeated: false })
    // A known batch stores nothing again.
    expect(await send(failing, batch(1, [session(1)]))).toMatchObject({ repeated: true })
  })

  test('a database that is killed among batches: each acknowledged one is known, each sent again is booked once', async () => {
    const url = await database.database()
    const servers = [await serverOn(url), await serverOn(url)]
    const acknowledged = new Set<number>()
    const batchesOf = (n: number) => batch(n, [session(n)], { spoolId: 'a' })
    let kills = 0
    const kill = async () => {
      await database.kill()
      await database.go()
      kills++
    }
    for (let turn = 0; turn < 3; turn++) {
      const numbers = Array.from({ length: 30 }, (_, i) => turn * 30 + i + 1)
      const sending = numbers.map(async (n) => {
        const { repeated } = await send(servers[n % 2]!, batchesOf(n), n)
        expect(repeated).toBe(false)
        acknowledged.add(n)
      })
      const killing = kill()
      await Promise.allSettled([...sending, killing])
      await killing
    }
    expect(kills).toBe(3)
    for (let n = 1; n <= 90; n++) {
      const { repeated, conflict } = await send(servers[(n + 1) % 2]!, batchesOf(n), n)
      expect(conflict).toBeUndefined()
      if (acknowledged.has(n)) expect(repeated, `batch ${n} was acknowledged`).toBe(true)
    }
    expect(await servers[0]!.gaps('acme', 0, 2 * nowUs)).toEqual([])
    const [meter] = await servers[0]!.meters('acme')
    expect(meter?.lastBatch).toBe(90)
  }, 300_000)

  test('a site has a bound of meters: the longest silent one is forgotten', async () => {
    const url = await database.database()
    const ledger = await serverOn(url)
    await send(ledger, batch(1, [], { meterId: 'first' }))
    const postgres = await Postgres.open({ url })
    onTestFinished(() => postgres.close())
    await postgres.query(`INSERT INTO meter SELECT org_id, site_id, 'm' || i, 1, run_started_us, received_us + i, report
      FROM meter, generate_series(1, ${METERS_MAX - 1}) i`)
    nowUs += METERS_MAX
    await send(ledger, batch(1, [], { meterId: 'new' }))
    const ids = (await ledger.meters('acme')).map(({ meterId }) => meterId)
    expect([ids.length, ids.includes('first'), ids.includes('new')]).toEqual([
      METERS_MAX,
      false,
      true,
    ])
  })
})
