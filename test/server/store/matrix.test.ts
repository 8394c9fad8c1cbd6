/** A matrix of two groups counts what the rows say, each session once, whatever is summed as "other". */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type {
  MatrixRequest,
  SummaryGroup,
  SummaryGroupRow,
} from '../../../src/server/store/store.js'
import type { Session } from '../../../src/session/session.js'
import { batch, report, session } from '../../support/batches.js'
import { rounds } from '../../support/rounds.js'
import { ALWAYS, TestStore } from '../../support/store.js'

const START_US = Date.UTC(2026, 10, 20) * 1e3
const VALUES = {
  client: (one: Session) => one.clientId,
  resource: (one: Session) => one.siteResourceId,
  protocol: (one: Session) => one.protocol,
  port: (one: Session) => one.destPort,
} as const satisfies Partial<Record<SummaryGroup, (one: Session) => unknown>>
type Group = keyof typeof VALUES

let t: TestStore
const sessions = Array.from({ length: 400 }, (_, i) => {
  const startTimeUs = START_US + ((i * 7919) % 2880) * 60e6
  return session(i + 1, {
    startTimeUs,
    endTimeUs: startTimeUs + 1e6,
    clientId: i % 7 === 0 ? null : ((i * 13) % 9) + 1,
    siteResourceId: i % 11 === 0 ? null : ((i * i) % 6) + 1,
    destPort: 1000 + (i % 5),
    bytesTx: (i * 977) % 5000,
    bytesRx: (i * 31) % 700,
    endReason: i % 29 === 0 ? 'activeTimeout' : 'endOfFlowDetected',
  })
})
beforeAll(async () => {
  t = await TestStore.open(50)
  const at = new Date(t.nowUs / 1e3).toISOString()
  await t.send('acme', 1, batch(1, sessions, { report: report({ at }) }))
  await t.send('other', 1, batch(1, sessions.slice(0, 10), { report: report({ at }) }))
  const catalog = { clients: [{ clientId: 1, name: 'laptop' }] }
  await t.store.putCatalog('acme', {
    ...(await t.store.catalog('acme')).catalog,
    ...catalog,
  } as never)
})
afterAll(() => t.close())

const group = fc.constantFrom(...(Object.keys(VALUES) as Group[]))
const asked = fc
  .record({
    a: group,
    b: group,
    rows: fc.integer({ min: 1, max: 12 }),
    columns: fc.integer({ min: 1, max: 12 }),
  })
  .filter(({ a, b }) => a !== b)

const byKey = (groups: readonly SummaryGroupRow[]) =>
  new Map(groups.map((one) => [one.other ? 'other' : String(one.id), one]))

test('each pair of groups has its sessions and bytes; the rest is in "other"', async () => {
  await fc.assert(
    fc.asyncProperty(
      asked,
      fc.constantFrom('bytes', 'sessions'),
      async ({ a, b, ...top }, sort) => {
        const request: MatrixRequest = {
          filter: ALWAYS,
          groups: [a, b],
          top: [top.rows, top.columns],
          sort: sort as 'bytes',
        }
        const got = await t.store.matrix('acme', request)
        const alone = async (groupBy: Group, count: number) => {
          const one = { filter: ALWAYS, groupBy, interval: null, top: count, sort: request.sort }
          return byKey((await t.store.summary('acme', one)).groups)
        }
        expect(byKey(got.rows)).toEqual(await alone(a, top.rows))
        expect(byKey(got.columns)).toEqual(await alone(b, top.columns))
        const side = (of: Group, shown: typeof got.rows) => (one: Session) => {
          const value = VALUES[of](one)
          const id = value === null ? null : String(value)
          const at = shown.findIndex((row) => !row.other && row.id === id)
          return at >= 0 ? at : shown.findIndex(({ other }) => other)
        }
        const [rowOf, columnOf] = [side(a, got.rows), side(b, got.columns)]
        const expected = new Map<string, [number, number]>()
        for (const one of sessions) {
          const key = `${rowOf(one)} ${columnOf(one)}`
          const [count, bytes] = expected.get(key) ?? [0, 0]
          expected.set(key, [count + 1, bytes + one.bytesTx! + one.bytesRx!])
        }
        const cells = got.cells.map(
          ({ row, column, sessions: n, bytesTx, bytesRx }) =>
            [`${row} ${column}`, [n, bytesTx + bytesRx]] as const,
        )
        expect(new Map(cells)).toEqual(expected)
        expect(cells.length).toBe(expected.size)
      },
    ),
    { numRuns: rounds(25, 300) },
  )
})

test('rows and columns are the largest of their summaries, with their names', async () => {
  const request = {
    filter: ALWAYS,
    groups: ['client', 'resource'],
    top: [3, 2],
    sort: 'bytes',
  } as const
  const { rows, columns } = await t.store.matrix('acme', request)
  const asked = { filter: ALWAYS, interval: null, sort: 'bytes' } as const
  const alone = (groupBy: SummaryGroup, top: number) =>
    t.store.summary('acme', { ...asked, groupBy, top })
  expect(rows).toEqual((await alone('client', 3)).groups)
  expect(columns).toEqual((await alone('resource', 2)).groups)
})
