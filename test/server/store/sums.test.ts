/**
 * Counts as large as a session may have them: 1025 of them in one hour are more than a BIGINT holds. One organisation's
 * must be summed exactly, and must not be in the way of another's roll-ups, answers and deletion.
 */
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { rowsOf } from '../../../src/server/store/duckdb/database.js'
import { compactRollup } from '../../../src/server/store/duckdb/write/rollup.js'
import { insertSums } from '../../../src/server/store/duckdb/write/sums.js'
import type { Totals } from '../../../src/server/store/store.js'
import type { Session } from '../../../src/session/session.js'
import { batch, session } from '../../support/batches.js'
import { ALWAYS, TestStore } from '../../support/store.js'

const MAX = Number.MAX_SAFE_INTEGER
const HOUR_US = 3600e6
const START_US = Date.UTC(2026, 9, 31, 20) * 1e3
const MONTHS = { fromMonth: '2026-10', toMonth: '2026-11', groupBy: 'client' } as const

const HUGE: Partial<Session> = {
  bytesTx: MAX,
  bytesRx: MAX,
  packetsTx: MAX,
  packetsRx: MAX,
  connectionCount: MAX,
}

function at(us: number, change: Partial<Session>): Partial<Session> {
  return { ...change, startTimeUs: us, endTimeUs: us + 1e6 }
}

/** In one hour; those of the numbers up to `early` end in its first half. */
function hugeSessions(from: number, to: number, early: number): Session[] {
  return Array.from({ length: to - from + 1 }, (_, i) => {
    const half = from + i <= early ? 0 : HOUR_US / 2
    return session(from + i, at(START_US + half + i, HUGE))
  })
}

/** Of so many of them, each number rounded once. */
function totalsOf(sessions: number): Totals {
  const sum = Number(BigInt(sessions) * BigInt(MAX))
  return {
    sessions,
    connections: sum,
    bytesTx: sum,
    bytesRx: sum,
    packetsTx: sum,
    packetsRx: sum,
  }
}

let t: TestStore
beforeEach(async () => {
  t = await TestStore.open(100)
})
afterEach(() => t.close())

async function expectTotals(live: number, ever: number): Promise<void> {
  for (const filter of [
    ALWAYS,
    { fromUs: START_US, toUs: START_US + HOUR_US },
    // It cuts the hour: rows.
    { fromUs: START_US, toUs: START_US + HOUR_US - 1 },
  ]) {
    const request = { filter, groupBy: 'client', interval: null, top: 10, sort: 'bytes' } as const
    const { totals, groups } = await t.store.summary('huge', request)
    expect(totals).toMatchObject(totalsOf(live))
    expect(groups).toEqual(
      live === 0 ? [] : [{ id: '1', name: null, other: false, ...totalsOf(live) }],
    )
  }
  expect(await t.store.count('huge', ALWAYS)).toBe(live)
  expect(await t.store.usage('huge', MONTHS)).toEqual([
    { month: '2026-10', id: '1', name: null, ...totalsOf(ever) },
  ])
}

/** In the file, which is closed for it. */
async function inFile<T>(work: (c: DuckDBConnection) => Promise<T>): Promise<T> {
  await t.store.close()
  const instance = await DuckDBInstance.create(join(t.directory, 'sessions.duckdb'))
  const connection = await instance.connect()
  const result = await work(connection).finally(() => {
    connection.closeSync()
    instance.closeSync()
  })
  await t.reopen()
  return result
}

async function notRolledUp(c: DuckDBConnection): Promise<number> {
  const rows = await rowsOf(
    c,
    'SELECT count(*)::DOUBLE AS n FROM session WHERE arrival > (SELECT rolled FROM rollup_state)',
  )
  return rows[0]!.n as number
}

test('sums beyond a BIGINT are exact, and nobody’s roll-up fails of them', {
  timeout: 120_000,
}, async () => {
  await t.send('huge', 1, batch(1, hugeSessions(1, 1200, 600)))
  const more = Array.from({ length: 150 }, (_, i) => session(i + 1, at(START_US, {})))
  await t.send('acme', 1, batch(1, more))
  expect(await inFile(notRolledUp)).toBe(0)
  await expectTotals(1200, 1200)
  expect(await t.store.count('acme', ALWAYS)).toBe(150)
  await inFile(compactRollup)
  await expectTotals(1200, 1200)
  // Another 600 in the same hour, of which as many are deleted first.
  await t.send('huge', 1, batch(2, hugeSessions(1201, 1800, 1800)))
  await expectTotals(1800, 1800)
  expect(await t.store.expire('huge', START_US + HOUR_US / 2)).toBe(1200)
  await expectTotals(600, 1800)
  await inFile(compactRollup)
  await expectTotals(600, 1800)
})

test('they are deleted, and what is left of them is their usage', {
  timeout: 120_000,
}, async () => {
  await t.send('huge', 1, batch(1, hugeSessions(1, 1200, 0)))
  await t.send('huge', 1, batch(2, hugeSessions(1201, 2600, 2600)))
  for (const [hours, deleted, live] of [
    [0.5, 1400, 1200],
    [2, 1200, 0],
  ] as const) {
    expect(await t.store.expire('huge', START_US + hours * HOUR_US)).toBe(deleted)
    await expectTotals(live, 2600)
  }
  await inFile(async (c) => {
    await compactRollup(c)
    const [left] = await rowsOf(c, 'SELECT count(*)::DOUBLE AS n FROM rollup_hour')
    expect(left!.n).toBe(0)
  })
  await expectTotals(0, 2600)
})

test('a replaced session’s sums are taken away', async () => {
  const sent = hugeSessions(1, 1200, 0).map((s) => ({ ...s, packetsTx: MAX - 1 }))
  await t.send('huge', 1, batch(1, sent))
  await t.send('huge', 1, batch(2, hugeSessions(1, 1200, 0)))
  await expectTotals(1200, 1200)
})

test('sorted by bytes, cursors go through all of them', async () => {
  const rows = Array.from({ length: 40 }, (_, i) =>
    session(i + 1, { bytesTx: MAX - (i % 7), bytesRx: MAX - (i % 3) * 2 ** 51 }),
  )
  await t.send('huge', 1, batch(1, rows))
  for (const descending of [false, true]) {
    const seen: string[] = []
    let after: { value: number; sessionId: string } | null | undefined
    while (after !== null) {
      const sort = { key: 'bytes', descending } as const
      const place = after === undefined ? {} : { after }
      const request = { filter: ALWAYS, sort, limit: 3, offset: 0, ...place }
      const page = await t.store.page('huge', request)
      seen.push(...page.rows.map((row) => row.sessionId))
      after = page.next
    }
    expect(seen.toSorted()).toEqual(rows.map((s) => s.sessionId).toSorted())
  }
})

test('a sum is one row where a BIGINT holds it, and rows that add up to it elsewhere', async () => {
  const instance = await DuckDBInstance.create(':memory:')
  const c = await instance.connect()
  await c.run('CREATE TABLE kept (id BIGINT, a BIGINT NOT NULL, b BIGINT NOT NULL)')
  const edges = [61n, 62n, 63n, 64n, 90n].flatMap((bits) => {
    const edge = 2n ** bits
    return [edge - 1n, edge, edge + 1n, 1n - edge, -edge, -edge - 1n]
  })
  const most = 2n ** 72n
  const sum = fc.oneof(
    fc.constantFrom(...edges.filter((n) => n <= most && n >= -most)),
    fc.bigInt(-most, most),
    fc.bigInt(-1000n, 1000n),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(sum, sum), { minLength: 1, maxLength: 8 }), async (sums) => {
      await c.run('DELETE FROM kept')
      const given = sums.map(([a, b], i) => `(${i}, '${a}'::HUGEINT, '${b}'::HUGEINT)`).join(', ')
      const query = `SELECT * FROM (VALUES ${given}) v (id, a, b)`
      await c.run(insertSums('kept', { keys: ['id'], sums: ['a', 'b'] }, query))
      const rows = await rowsOf(
        c,
        'SELECT id, sum(a)::VARCHAR AS a, sum(b)::VARCHAR AS b, count(*)::DOUBLE AS n FROM kept GROUP BY id ORDER BY id',
      )
      expect(rows.map((row) => [row.a, row.b])).toEqual(sums.map(([a, b]) => [`${a}`, `${b}`]))
      for (const [i, both] of sums.entries())
        if (both.every((n) => n < 2n ** 62n && n > -(2n ** 62n))) expect(rows[i]!.n).toBe(1)
    }),
    { numRuns: 50 },
  )
  c.closeSync()
  instance.closeSync()
})
