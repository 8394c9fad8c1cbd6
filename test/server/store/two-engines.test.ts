/**
 * The same sessions by chance in DuckDB and in ClickHouse, hostile texts included: every page, count, facet, summary,
 * matrix, change, new pair, histogram, usage, export and order of arrival is the same.
 */
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LogFilter, SessionLog, Sort } from '../../../src/server/store/store.js'
import { endOfArrival, SUMMARY_GROUPS, SUMMARY_INTERVALS } from '../../../src/server/store/store.js'
import type { Catalog } from '../../../src/session/catalog.js'
import type { Session } from '../../../src/session/session.js'
import { anyCatalog, anyFilter, anySessions, anySort } from '../../support/any-session.js'
import { batch, report } from '../../support/batches.js'
import { whyNoClickHouse } from '../../support/clickhouse.js'
import { ClickHouseStore } from '../../support/clickhouse-store.js'
import { rounds } from '../../support/rounds.js'
import { ALWAYS, stored, TestStore } from '../../support/store.js'

const missing = whyNoClickHouse()

describe.skipIf(missing !== null)(`two engines${missing === null ? '' : ` (${missing})`}`, () => {
  let duck: TestStore
  let click: ClickHouseStore
  beforeAll(async () => {
    // So few that sums come from hours and rows, and that exports have several slices.
    ;[duck, click] = await Promise.all([
      TestStore.open(7, { sliceRows: 5 }),
      ClickHouseStore.open({ sliceRows: 5 }),
    ])
  })
  afterAll(() => Promise.all([duck?.close(), click?.close()]))

  let round = 0

  /** Half of the sessions in one run, half in a later one; so the open ones of the first are interrupted. */
  async function fill(sessions: readonly Session[], catalog: Catalog): Promise<string> {
    const orgId = `org'\\${++round}`
    const half = sessions.length >> 1
    for (const [i, part] of [sessions.slice(0, half), sessions.slice(half)].entries()) {
      const startedAt = `2026-11-2${i}T00:00:00.000Z`
      const given = batch(i + 1, [], { report: report({ startedAt }) })
      const rows = part.map((one, n) => stored(one, orgId, 1 + (n % 2), given.meterId))
      for (const siteId of [1, 2]) {
        const its = rows.filter((row) => row.siteId === siteId)
        const request = { orgId, siteId, batch: given, sessions: its }
        await Promise.all([duck.store.write(request), click.write(request)])
        // In a commit of its own, as it is in ClickHouse.
        await duck.store.count(orgId, ALWAYS)
      }
    }
    await Promise.all([duck.store.putCatalog(orgId, catalog), click.putCatalog(orgId, catalog)])
    return orgId
  }

  async function same<T>(ask: (store: SessionLog) => Promise<T>): Promise<T> {
    const [right, other] = await Promise.all([ask(duck.store), ask(click.sessions)])
    expect(other).toEqual(right)
    return right
  }

  test('they answer the same', { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        anySessions(30),
        anyCatalog,
        fc.array(fc.tuple(anyFilter, anySort), { minLength: 3, maxLength: 6 }),
        fc.constantFrom(...SUMMARY_GROUPS, null),
        fc.constantFrom(...SUMMARY_INTERVALS, null),
        fc.integer({ min: 1, max: 3 }),
        fc.array(anyComparison, { minLength: 3, maxLength: 3 }),
        async (sessions, catalog, asked, groupBy, interval, few, comparisons) => {
          const orgId = await fill(sessions, catalog)
          for (const [i, [filter, sort]] of asked.entries()) {
            await same((store) => pages(store, orgId, filter, sort, few))
            await same((store) => store.count(orgId, filter))
            await same((store) => store.attributes(orgId, filter))
            await same((store) =>
              store.histogram(orgId, { filter, bars: 7, offsetUs: few * 1800e6 }),
            )
            const by = { filter, groupBy, top: few, sort: few > 1 ? 'bytes' : 'sessions' } as const
            await same((store) => store.summary(orgId, { ...by, interval: null }))
            if (interval !== null && wide(filter, interval) <= 3000)
              await same((store) => store.summary(orgId, { ...by, interval }))
            const comparison = comparisons[i % comparisons.length]!
            await same((store) => compared(store, orgId, filter, comparison))
            await same((store) => all(store.rows(orgId, filter, sort)))
            await same((store) => csvOf(store, orgId, filter, sort))
            await same((store) => store.facts(orgId, filter))
            await same((store) => parquetOf(store, orgId, filter, sort))
            await same((store) => arrivals(store, orgId, filter, few * 4))
          }
          const months = { fromMonth: '2026-10', toMonth: '2026-12' }
          for (const kind of ['client', 'user', 'resource', 'site'] as const)
            await same((store) => store.usage(orgId, { ...months, groupBy: kind }))
          await same((store) => store.closeInterrupted())
          await same((store) => arrivals(store, orgId, ALWAYS, few * 4))
        },
      ),
      { numRuns: rounds(8, 40), endOnFailure: true },
    )
  })
})

/** `all`: of all sessions in the range, so that more groups are equal in rank or age. */
const anyComparison = fc.record({
  all: fc.boolean(),
  groups: fc
    .tuple(fc.constantFrom(...SUMMARY_GROUPS), fc.constantFrom(...SUMMARY_GROUPS))
    .filter(([a, b]) => a !== b),
  who: fc.constantFrom('client', 'user'),
  tops: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })),
  sort: fc.constantFrom('bytes', 'sessions'),
  limit: fc.integer({ min: 1, max: 30 }),
})
type Comparison = typeof anyComparison extends fc.Arbitrary<infer T> ? T : never

/** A matrix, changes and new pairs. */
async function compared(
  store: SessionLog,
  orgId: string,
  given: LogFilter,
  { all, groups, who, tops: top, sort, limit }: Comparison,
): Promise<unknown> {
  const filter = all ? { fromUs: given.fromUs, toUs: given.toUs } : given
  return {
    matrix: await store.matrix(orgId, { filter, groups, top, sort }),
    changes: await store.changes(orgId, { filter, groupBy: groups[0], top: top[0], sort }),
    newPairs: await store.newPairs(orgId, { filter, groups: [who, 'resource'], limit }),
  }
}

/** All pages by their cursors, and one by its offset. */
async function pages(
  store: SessionLog,
  orgId: string,
  filter: LogFilter,
  sort: Sort,
  limit: number,
): Promise<unknown[]> {
  const found: unknown[] = []
  const ask = { filter, sort, limit: limit * 3, offset: 0 }
  for (let page = await store.page(orgId, ask); ; ) {
    found.push(page.rows)
    if (page.next === null) break
    page = await store.page(orgId, { ...ask, after: page.next })
  }
  return [...found, await store.page(orgId, { ...ask, offset: 4 })]
}

/** Ended sessions in order of their arrival, by small pages, and their counts. The numbers of commits differ. */
async function arrivals(
  store: SessionLog,
  orgId: string,
  filter: LogFilter,
  limit: number,
): Promise<unknown> {
  const [first, upTo] = [endOfArrival(-1), endOfArrival(store.lastArrival())]
  const found: unknown[] = []
  for (let after = first; ; ) {
    const { rows, places } = await store.arrived(orgId, { filter, after, upTo, limit })
    found.push(...rows)
    if (rows.length < limit) break
    after = places.at(-1)!
  }
  const endedBeforeUs = Date.UTC(2026, 10, 22) * 1e3
  const counted = { filter, after: first, upTo }
  return [
    found,
    await store.countArrived(orgId, counted),
    await store.countArrived(orgId, { ...counted, endedBeforeUs }),
  ]
}

async function all<T>(chunks: AsyncIterable<readonly T[]>): Promise<T[]> {
  const found: T[] = []
  for await (const chunk of chunks) found.push(...chunk)
  return found
}

async function csvOf(
  store: SessionLog,
  orgId: string,
  filter: LogFilter,
  sort: Sort,
): Promise<string> {
  const pieces: Uint8Array[] = []
  for await (const { text } of store.csv(orgId, filter, sort)) pieces.push(text)
  return Buffer.concat(pieces).toString()
}

/** The file's columns with their types, and its rows. */
async function parquetOf(
  store: SessionLog,
  orgId: string,
  filter: LogFilter,
  sort: Sort,
): Promise<unknown> {
  const directory = mkdtempSync(join(tmpdir(), 'tunmeter-parquet-'))
  const file = join(directory, 'sessions.parquet')
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    await pipeline(await store.parquet(orgId, filter, sort), createWriteStream(file))
    const read = await connection.runAndReadAll(`SELECT * FROM read_parquet('${file}')`)
    const rows = JSON.stringify(read.getRowObjectsJson())
    return { names: read.columnNames(), types: read.columnTypes().map(String), rows }
  } finally {
    connection.closeSync()
    instance.closeSync()
    rmSync(directory, { recursive: true, force: true })
  }
}

const WIDTHS_US = {
  minute: 60e6,
  '5minutes': 300e6,
  hour: 3600e6,
  day: 86_400e6,
  month: 28 * 86_400e6,
}

function wide({ fromUs, toUs }: LogFilter, interval: keyof typeof WIDTHS_US): number {
  return (toUs - fromUs) / WIDTHS_US[interval] + 2
}
