/** Filters, order, cursors, counts, facets and totals against the plain thing: an array, filtered and sorted. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { apiRow, LOG_FIELDS } from '../../../src/server/query/api-row.js'
import {
  decodeCursor,
  encodeCursor,
  filterOf,
  logQuerySchema,
  sortOf,
} from '../../../src/server/query/parameters.js'
import type { LogFilter, LogRow, Sort } from '../../../src/server/store/store.js'
import type { Session } from '../../../src/session/session.js'
import { batch, report, session } from '../../support/batches.js'
import { ALWAYS, TestStore } from '../../support/store.js'

const NOW_MS = Date.UTC(2026, 10, 22, 12)
const HOUR_US = 3600e6
const SOURCES = [
  '10.8.0.2',
  '10.8.0.77',
  '10.8.1.2',
  '10.80.0.2',
  'fd00::2',
  'fd00:0:0:1::2',
  '::ffff:a08:2',
]
const DESTS = ['192.168.10.5', '192.168.110.5', '2001:db8::5', '2001:db8:1::5']
const CLIENT_NAMES = ['Anna', 'Berta', '=HYPERLINK("x")']

async function array<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of source) all.push(one)
  return all
}

let store: TestStore
let all: Session[]
/** By session id. `closed` are interrupted ones that the store has moved to those that have ended. */
let states: Map<string, 'open' | 'interrupted' | 'closed' | 'ended'>

const run = (day: number) => ({ report: report({ startedAt: `2026-11-${day}T00:00:00.000Z` }) })

const of = (sessions: readonly Session[], ...wanted: string[]) =>
  sessions.filter((s) => wanted.includes(states.get(s.sessionId)!))

/** Over three runs of the meter. */
async function sendAll(organisations: readonly (readonly [string, readonly Session[]])[]) {
  for (const [orgId, sessions] of organisations) {
    await store.send(orgId, 1, batch(1, of(sessions, 'closed'), run(18)))
    await store.send(orgId, 1, batch(2, [], run(19)))
  }
  const closed = organisations.flatMap(([, sessions]) => of(sessions, 'closed'))
  expect(await store.store.closeInterrupted()).toBe(closed.length)
  for (const [orgId, sessions] of organisations) {
    await store.send(orgId, 1, batch(3, of(sessions, 'interrupted'), run(19)))
    await store.send(orgId, 1, batch(4, of(sessions, 'open', 'ended'), run(20)))
  }
}

beforeAll(async () => {
  store = await TestStore.open()
  const shape = fc.record({
    age: fc.integer({ min: 0, max: 9 * 24 }),
    source: fc.nat(SOURCES.length - 1),
    dest: fc.nat(DESTS.length - 1),
    port: fc.constantFrom(22, 53, 443),
    client: fc.option(fc.integer({ min: 1, max: 3 }), { nil: null }),
    user: fc.option(fc.constantFrom('u1', 'o’neil, "x"'), { nil: null }),
    resource: fc.option(fc.integer({ min: 7, max: 8 }), { nil: null }),
    udp: fc.boolean(),
    state: fc.constantFrom('open', 'interrupted', 'closed', 'ended', 'ended', 'ended'),
    bytes: fc.constantFrom(0, 1, 50, 1e6),
    seconds: fc.integer({ min: 0, max: 5 }),
    connState: fc.constantFrom('S0', 'SF', 'REJ'),
  })
  const sample = fc.sample(shape, { numRuns: 400, seed: 7 })
  all = sample.map((s, i) => {
    const startTimeUs = NOW_MS * 1e3 - s.age * HOUR_US
    return session(i + 1, {
      startTimeUs,
      endTimeUs: startTimeUs + s.seconds * 1e6,
      sourceIp: SOURCES[s.source]!,
      destIp: DESTS[s.dest]!,
      destPort: s.port,
      clientId: s.client,
      userId: s.user,
      siteResourceId: s.resource,
      protocol: s.udp ? 'udp' : 'tcp',
      bytesTx: s.bytes,
      bytesRx: 5,
      payloadRx: 0,
      payloadTx: 0,
      connState: s.connState as 'S0',
      endReason: s.state === 'ended' ? 'endOfFlowDetected' : 'activeTimeout',
    })
  })
  states = new Map(all.map((s, i) => [s.sessionId, sample[i]!.state]))
  // Another organisation with the same ids: it must never show.
  await sendAll([
    ['acme', all],
    ['other', all.map((s) => ({ ...s, bytesTx: 999_999_999 }))],
  ])
  await store.store.putCatalog('acme', {
    clients: CLIENT_NAMES.map((name, i) => ({ clientId: i + 1, name, addresses: [] })),
    users: [{ userId: 'u1', name: 'Ulla', email: 'ulla@example.org' }],
    sites: [],
    resources: [],
  })
})
afterAll(() => store.close())

const dottedHex = (ip: string): bigint =>
  ip.includes(':') ? v6(ip) : ip.split('.').reduce((v, o) => v * 256n + BigInt(o), 0n)

/** By way of the URL parser: another road than the code under test takes. */
function v6(ip: string): bigint {
  const full = ip.split('::')
  const left = full[0]!.split(':').filter(Boolean)
  const right = (full[1] ?? '').split(':').filter(Boolean)
  const middle =
    full.length === 2 ? new Array<string>(8 - left.length - right.length).fill('0') : []
  return [...left, ...middle, ...right].reduce((v, g) => (v << 16n) | BigInt(`0x${g}`), 0n)
}

function inPrefix(ip: string, prefix: string): boolean {
  const [net, length] = prefix.split('/') as [string, string]
  if (net.includes(':') !== ip.includes(':')) return false
  const shift = BigInt((ip.includes(':') ? 128 : 32) - Number(length))
  return dottedHex(ip) >> shift === dottedHex(net) >> shift
}

type Query = Record<string, string>
const MATCH: Record<string, (value: string, s: Session) => boolean> = {
  protocol: (v, s) => s.protocol === v,
  sourceAddr: (v, s) => (v.includes('/') ? inPrefix(s.sourceIp, v) : s.sourceIp === v),
  destAddr: (v, s) => {
    if (v.includes('/')) return inPrefix(s.destIp, v)
    const shown = s.destIp.includes(':')
      ? `[${s.destIp}]:${s.destPort}`
      : `${s.destIp}:${s.destPort}`
    return shown === v || s.destIp === v || v === `:${s.destPort}`
  },
  port: (v, s) => v.split(',').includes(String(s.destPort)),
  clientId: (v, s) =>
    v.split(',').some((one) => (one === 'none' ? s.clientId === null : s.clientId === Number(one))),
  siteResourceId: (v, s) =>
    v === 'none' ? s.siteResourceId === null : s.siteResourceId === Number(v),
  userId: (v, s) => (v === 'none' ? s.userId === null : s.userId === v),
  state: (v, s) => {
    const state = states.get(s.sessionId)!
    if (v === 'interrupted') return state === 'interrupted' || state === 'closed'
    return (v === 'open') === (state === 'open')
  },
  connState: (v, s) => v.split(',').includes(s.connState),
  minBytes: (v, s) => s.bytesTx + s.bytesRx >= Number(v),
  q: (v, s) => {
    const texts = [
      s.sourceIp,
      s.destIp,
      s.clientEndpoint,
      s.userId,
      CLIENT_NAMES[(s.clientId ?? 0) - 1],
    ]
    if (s.userId === 'u1') texts.push('Ulla', 'ulla@example.org')
    if (texts.some((t) => t?.toLowerCase().includes(v.toLowerCase()))) return true
    return /^\d+$/.test(v) && (s.destPort === Number(v) || s.sourcePort === Number(v))
  },
}

const query = fc.record(
  {
    protocol: fc.constantFrom('tcp', 'udp'),
    sourceAddr: fc.constantFrom(
      '10.8.0.2',
      '10.8.0.0/24',
      '10.8.0.0/13',
      '0.0.0.0/0',
      'fd00::/48',
      '::/0',
      'fd00::2',
      '10.8.0.64/26',
      '::ffff:0:0/96',
    ),
    destAddr: fc.constantFrom(
      '192.168.10.5:443',
      '192.168.10.5',
      ':53',
      '[2001:db8::5]:22',
      '2001:db8::/32',
      '2001:db8::/47',
    ),
    port: fc.constantFrom('443', '22,53'),
    clientId: fc.constantFrom('1', '1,2', 'none', '3,none'),
    siteResourceId: fc.constantFrom('7', 'none'),
    userId: fc.constantFrom('u1', 'none', 'o’neil, "x"'),
    state: fc.constantFrom('open', 'ended', 'interrupted'),
    connState: fc.constantFrom('S0', 'SF,REJ'),
    minBytes: fc.constantFrom('6', '1000'),
    q: fc.constantFrom('ANNA', 'hyperlink', '10.8', 'ulla', '443', 'neil', '40001', '2001:db8:'),
  },
  { requiredKeys: [] },
)
const sorts = fc.constantFrom(
  '-startTime',
  'startTime',
  '-duration',
  'duration',
  '-bytes',
  'bytes',
  '-bytesTx',
)

function twin(q: Query): Session[] {
  // What is open is listed however long ago it began.
  const from = q.state === 'open' ? 0 : NOW_MS * 1e3 - 7 * 24 * HOUR_US
  return all.filter(
    (s) =>
      s.startTimeUs >= from && Object.entries(q).every(([name, value]) => MATCH[name]!(value, s)),
  )
}

function key(s: Session, sort: Sort): number {
  if (sort.key === 'startTime') return s.startTimeUs
  if (sort.key === 'duration') return s.endTimeUs - s.startTimeUs
  return sort.key === 'bytesTx' ? s.bytesTx : s.bytesTx + s.bytesRx
}

function sorted(rows: readonly Session[], sort: Sort): string[] {
  const sign = sort.descending ? -1 : 1
  return [...rows]
    .sort((a, b) => sign * (key(a, sort) - key(b, sort) || (a.sessionId < b.sessionId ? -1 : 1)))
    .map((s) => s.sessionId)
}

function filter(q: Query): LogFilter {
  return filterOf(logQuerySchema.parse(q), NOW_MS)
}

test('filters, sorts, pages, counts and totals agree with an array', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      query,
      sorts,
      fc.integer({ min: 40, max: 200 }),
      async (q, sortText, limit) => {
        const sort = sortOf(sortText)
        const want = twin(q as Query)
        const ids: string[] = []
        let after: ReturnType<typeof decodeCursor>
        do {
          const request = {
            filter: filter(q as Query),
            sort,
            limit,
            offset: 0,
            ...(after && { after }),
          }
          const page = await store.store.page('acme', request)
          ids.push(...page.rows.map((r) => r.sessionId))
          after = page.next === null ? undefined : decodeCursor(encodeCursor(sort, page.next), sort)
        } while (after !== undefined)
        expect(ids).toEqual(sorted(want, sort))
        expect(await store.store.count('acme', filter(q as Query))).toBe(want.length)
        const { totals } = await store.store.summary('acme', {
          filter: filter(q as Query),
          groupBy: null,
          interval: null,
          top: 1,
          sort: 'bytes',
        })
        expect(totals.bytesTx).toBe(want.reduce((n, s) => n + s.bytesTx, 0))
        expect(totals.open).toBe(want.filter((s) => states.get(s.sessionId) === 'open').length)
      },
    ),
    { numRuns: 25 },
  )
})

test('an export holds the same rows in the same order, whatever the sort', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(query, sorts, async (q, sortText) => {
      const sort = sortOf(sortText)
      const rows: LogRow[] = []
      for await (const some of store.store.rows('acme', filter(q as Query), sort))
        rows.push(...some)
      expect(rows.map((r) => r.sessionId)).toEqual(sorted(twin(q as Query), sort))
    }),
    { numRuns: 25 },
  )
})

test('so does Parquet, and the same values as CSV', { timeout: 120_000 }, async () => {
  const reader = await (await DuckDBInstance.create()).connect()
  const file = join(store.directory, 'property.parquet')
  await fc.assert(
    fc.asyncProperty(query, sorts, async (q, sortText) => {
      const sort = sortOf(sortText)
      const [rows, parquet] = await Promise.all([
        array(store.store.rows('acme', filter(q as Query), sort)),
        store.store.parquet('acme', filter(q as Query), sort),
      ])
      await writeFile(file, parquet)
      const names = ['sessionId', 'bytesTx', 'sourceAddr', 'communityId', 'clientName', 'duration']
      const read = await reader.runAndReadAll(
        `SELECT ${names.map((n) => (n === 'bytesTx' ? `"${n}"::DOUBLE` : `"${n}"`)).join(', ')} FROM '${file}'`,
      )
      const fields = names.map((name) => LOG_FIELDS.find((f) => f.name === name)!)
      expect(read.getRows()).toEqual(rows.flat().map((row) => fields.map((f) => f.read(row))))
    }),
    { numRuns: 10 },
  )
})

test('offset skips rows of the same order', async () => {
  const sort = sortOf('-bytes')
  const page = await store.store.page('acme', { filter: filter({}), sort, limit: 20, offset: 30 })
  expect(page.rows.map((r) => r.sessionId)).toEqual(sorted(twin({}), sort).slice(30, 50))
})

test('facets count under all filters but their own', async () => {
  const q = { clientId: '1', protocol: 'tcp' }
  const facets = await store.store.attributes('acme', filter(q))
  const clients = countedBy(twin({ protocol: 'tcp' }), (s) => s.clientId)
  expect(clients).toHaveLength(3)
  expect(facets.clients).toEqual(
    clients.map(([id, count]) => ({ id, name: CLIENT_NAMES[id - 1], count })),
  )
  const protocols = countedBy(twin({ clientId: '1' }), (s) => s.protocol)
  expect(protocols).toHaveLength(2)
  expect(facets.protocols).toEqual(protocols.map(([value, count]) => ({ value, count })))
  const users = countedBy(twin(q), (s) => s.userId)
  expect(users).toHaveLength(2)
  const known = { u1: { name: 'Ulla', email: 'ulla@example.org' } }
  expect(facets.users).toEqual(
    users.map(([id, count]) => ({
      id,
      ...(known[id as 'u1'] ?? { name: null, email: null }),
      count,
    })),
  )
})

test.each([
  ['rows', 100],
  ['sums by the hour', 1],
])(
  'a responder whose port is not known is in the facets as in its row, by %s',
  async (_, rollRows) => {
    const t = await TestStore.open(rollRows)
    onTestFinished(() => t.close())
    const dests = [
      { destIp: '10.9.9.9', destPort: 0 },
      { destIp: 'fd00::2', destPort: 0 },
      { destIp: 'fd00::2', destPort: 53 },
    ]
    // Of two hours ago, so that the whole hour is in the sums.
    const startTimeUs = t.nowUs - 7200e6
    const times = { startTimeUs, endTimeUs: startTimeUs + 1e6 }
    const sessions = dests.map((dest, i) => session(i + 1, { ...times, ...dest }))
    await t.send('acme', 1, batch(1, sessions))
    const { destAddrs } = await t.store.attributes('acme', ALWAYS)
    const { rows } = await t.store.page('acme', {
      filter: ALWAYS,
      sort: sortOf('startTime'),
      limit: 9,
      offset: 0,
    })
    expect(rows.map((row) => apiRow(row).destAddr).sort()).toEqual([
      '10.9.9.9',
      '[fd00::2]:53',
      'fd00::2',
    ])
    expect(destAddrs.map(({ value }) => value).sort()).toEqual([
      '10.9.9.9',
      '[fd00::2]:53',
      'fd00::2',
    ])
  },
)

/** Values that are not null, most frequent first. */
function countedBy<T extends string | number>(
  rows: readonly Session[],
  pick: (s: Session) => T | null,
): [T, number][] {
  const counts = new Map<T, number>()
  for (const value of rows.map(pick))
    if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a)
}

test('a cursor is not moved by rows that arrive between two pages', async () => {
  const sort = sortOf('-startTime')
  const first = await store.store.page('acme', { filter: filter({}), sort, limit: 50, offset: 0 })
  const newest = first.rows[0]!
  const between = [
    session(10_001, { startTimeUs: newest.startTimeUs, endTimeUs: newest.startTimeUs }),
    // Late, into the past: it shows on the page where it belongs.
    session(10_002, {
      startTimeUs: NOW_MS * 1e3 - 6 * 24 * HOUR_US - 1,
      endTimeUs: NOW_MS * 1e3 - 6 * 24 * HOUR_US,
    }),
  ]
  const before = sorted(twin({}), sort)
  await store.send('acme', 1, batch(5, between, run(20)))
  const rest: string[] = []
  let after = first.next
  while (after !== null) {
    const page = await store.store.page('acme', {
      filter: filter({}),
      sort,
      limit: 50,
      offset: 0,
      after,
    })
    rest.push(...page.rows.map((r) => r.sessionId))
    after = page.next
  }
  const late = between[1]!.sessionId
  expect(rest.filter((id) => id !== late)).toEqual(before.slice(50))
  expect(rest).toContain(late)
})
