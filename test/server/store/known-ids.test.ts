/** Which ids are stored, by pages, beside a plain set of all of them. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  has,
  KnownIds,
  PAGE_BITS,
  type PageId,
  pageOf,
  set,
} from '../../../src/server/store/duckdb/write/known-ids.js'

let instance: DuckDBInstance
let connection: DuckDBConnection
beforeEach(async () => {
  instance = await DuckDBInstance.create(':memory:')
  connection = await instance.connect()
  for (const table of ['session', 'session_open', 'erased_session'])
    await connection.run(
      `CREATE TABLE ${table} (org_id VARCHAR, site_id BIGINT, run VARCHAR, seq BIGINT, meter_id VARCHAR)`,
    )
})
afterEach(() => {
  connection.closeSync()
  instance.closeSync()
})

type Place = Omit<PageId, 'page'>
const RUNS: readonly Place[] = ['r1', 'r2', 'r3'].flatMap((run) => [
  { orgId: 'acme', siteId: 1, run },
  { orgId: 'other', siteId: 2, run },
])
const nameOf = ({ orgId, siteId, run }: Place, sequence: number) =>
  `${orgId} ${siteId} ${run} ${sequence}`

interface Record {
  readonly run: number
  readonly sequence: number
  readonly open: boolean
}

/** One transaction as the writer makes it: what it found known, and all that is known after it. */
async function write(known: KnownIds, records: readonly Record[], fails: boolean) {
  const ids = new Map<string, PageId>()
  for (const { run, sequence } of records) {
    const id = { ...RUNS[run]!, page: pageOf(sequence) }
    ids.set(KnownIds.key(id), id)
  }
  await connection.run('BEGIN')
  const pages = await known.load(ids)
  const found: string[] = []
  for (const { run, sequence, open } of records) {
    const place = RUNS[run]!
    const page = pages.get(KnownIds.key({ ...place, page: pageOf(sequence) }))!
    if (has(page.ended, sequence) || has(page.open, sequence)) {
      found.push(nameOf(place, sequence))
      continue
    }
    set(open ? page.open : page.ended, sequence)
    await connection.run(
      `INSERT INTO ${open ? 'session_open' : 'session'} VALUES ('${place.orgId}', ${place.siteId}, '${place.run}', ${sequence}, 'm1')`,
    )
  }
  await connection.run(fails ? 'ROLLBACK' : 'COMMIT')
  if (fails) known.clear()
  return found
}

const record = fc.record({
  run: fc.nat({ max: RUNS.length - 1 }),
  sequence: fc
    .tuple(fc.nat({ max: 3 }), fc.nat({ max: 2 }))
    .map(([page, at]) => page * PAGE_BITS + at),
  open: fc.boolean(),
})
const step = fc.record({
  records: fc.array(record, { minLength: 1, maxLength: 8 }),
  fails: fc.boolean(),
  restart: fc.boolean(),
})

test('it says of each id whether it is stored, with few pages and runs in memory, after failures and restarts', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      for (const table of ['session', 'session_open']) await connection.run(`DELETE FROM ${table}`)
      let known = new KnownIds(connection, 3, 2)
      let stored = new Set<string>()
      for (const { records, fails, restart } of steps) {
        if (restart) known = new KnownIds(connection, 3, 2)
        const after = new Set(stored)
        const expected: string[] = []
        for (const { run, sequence } of records) {
          const name = nameOf(RUNS[run]!, sequence)
          if (after.has(name)) expected.push(name)
          after.add(name)
        }
        expect(await write(known, records, fails)).toEqual(expected)
        if (!fails) stored = after
      }
    }),
    { numRuns: 40 },
  )
})

test('a run is of the meter that reported it first, in the tables or in memory', async () => {
  const known = new KnownIds(connection, 3, 2)
  const [stored, fresh] = [RUNS[0]!, RUNS[2]!]
  await write(known, [{ run: 0, sequence: 1, open: true }], false)
  await write(new KnownIds(connection), [{ run: 0, sequence: 2, open: false }], false)
  const ids = [stored, fresh].map((place) => ({ ...place, page: 0 }))
  const again = new KnownIds(connection)
  await again.load(new Map(ids.map((id) => [KnownIds.key(id), id])))
  expect(['m2', 'm1', 'm2'].map((meter) => again.isOf(stored, meter))).toEqual([false, true, false])
  expect(['m2', 'm1', 'm2'].map((meter) => again.isOf(fresh, meter))).toEqual([true, false, true])
  // Of a transaction that was rolled back nothing stays.
  again.clear()
  await again.load(new Map(ids.map((id) => [KnownIds.key(id), id])))
  expect(again.isOf(fresh, 'm1')).toBe(true)
})

test('a run that goes on is not looked for in the tables', async () => {
  const known = new KnownIds(connection)
  const at = (sequence: number) => [{ run: 0, sequence, open: false }]
  await write(known, at(1), false)
  // Behind its back, where only a query would find it: nobody else writes.
  const { orgId, siteId, run } = RUNS[0]!
  await connection.run(
    `INSERT INTO session VALUES ('${orgId}', ${siteId}, '${run}', ${5 * PAGE_BITS}, 'm1')`,
  )
  expect(await write(known, at(5 * PAGE_BITS), false)).toEqual([])
  expect(await write(new KnownIds(connection), at(5 * PAGE_BITS), false)).toHaveLength(1)
})
