/** CSV as C++ writes it, against csvField() over the same rows. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LOG_FIELDS } from '../../../src/server/query/api-row.js'
import { SORT_KEYS } from '../../../src/server/store/store.js'
import { CSV_LINE_END, csvField } from '../../../src/session/csv.js'
import type { Session } from '../../../src/session/session.js'
import { batch, session } from '../../support/batches.js'
import { ALWAYS, TestStore } from '../../support/store.js'

const HOSTILE = [
  ...['=1+1', '+1', '-1', '@x', '\tx', '\rx', '\nx', '"', '""', ',', 'a,b', 'a"b', 'a\r\nb', "'x"],
  ...['é, ü', '=HYPERLINK("x,y")', ' x', 'x=', '\\1', '日本"', '.', 'a\nb\nc', '|', '~B|~T'],
  // DuckDB keeps up to 12 bytes in place.
  ...['twelve bytes', 'thirteen byte', 'ünf, zehn, elf', 'x'.repeat(60)],
]

/** Some have the ids of others; what is left is more than a data chunk holds. */
const ROWS = 4000

let store: TestStore
beforeAll(async () => {
  store = await TestStore.open()
  const shape = fc.record({
    startTimeUs: fc.integer({ min: 0, max: 7e15 }),
    lasted: fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: 1e13 })),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
    addresses: fc.constantFrom(
      { sourceIp: '10.8.0.2', destIp: '192.168.1.1' },
      { sourceIp: 'fd00::2', destIp: '2001:db8::5' },
      { sourceIp: '::ffff:a08:2', destIp: '::1' },
      { sourceIp: '::1', destIp: '::1' },
    ),
    sourcePort: fc.constantFrom(0, 1, 65_535),
    destPort: fc.constantFrom(0, 443),
    bytesTx: fc.maxSafeNat(),
    packetsTx: fc.nat(1000),
    clientEndpoint: fc.option(fc.constantFrom(...HOSTILE), { nil: null }),
    peerPublicKey: fc.option(fc.constantFrom(...HOSTILE), { nil: null }),
    userId: fc.option(fc.constantFrom(...HOSTILE, 'u1', 'u2'), { nil: null }),
    clientId: fc.option(fc.integer({ min: 1, max: 4 }), { nil: null }),
    siteResourceId: fc.option(fc.integer({ min: 1, max: HOSTILE.length }), { nil: null }),
    handshakeRttUs: fc.option(fc.nat(1e6), { nil: null }),
    endReason: fc.constantFrom('activeTimeout' as const, 'idleTimeout' as const),
    midstream: fc.boolean(),
    unattributed: fc.constantFrom(null, 'noMatch' as const),
    otherClientId: fc.constantFrom(null, 1, 2, 77),
    seenTwice: fc.constantFrom(null, true, false),
  })
  const sequence = fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 2 ** 40 }))
  const sessions = fc
    .sample(fc.tuple(sequence, shape), { numRuns: ROWS, seed: 11 })
    .map(([n, { lasted, addresses, ...change }]): Session => {
      const endTimeUs = change.startTimeUs + lasted
      return session(n, {
        ...change,
        ...addresses,
        endTimeUs,
        payloadTx: Math.floor(change.bytesTx / 2),
      })
    })
  // A meter that has been silent for so long that its open sessions are interrupted.
  const unlike = [...new Map(sessions.map((s) => [s.sessionId, s])).values()]
  const [late, others] = [unlike.slice(0, 200), unlike.slice(200)]
  store.nowUs -= 3600e6
  await store.send('acme', 2, batch(1, late))
  store.nowUs += 3600e6
  await store.send('acme', 1, batch(1, others))
  await store.store.putCatalog('acme', {
    clients: [1, 2, 3].map((clientId) => ({
      clientId,
      name: HOSTILE[clientId]!,
      addresses: [],
    })),
    users: [{ userId: 'u1', name: '=cmd', email: 'x@example.org' }],
    sites: [{ siteId: 1, name: 'a "site", here' }],
    resources: HOSTILE.map((name, i) => ({
      siteResourceId: i + 1,
      siteId: 1,
      name,
      destination: '10.0.0.0/8',
    })) as never,
  })
})
afterAll(() => store.close())

for (const key of SORT_KEYS) {
  for (const descending of [true, false]) {
    test(`by ${key}, ${descending ? 'descending' : 'ascending'}`, async () => {
      const expected: string[] = []
      const states: string[] = []
      for await (const rows of store.store.rows('acme', ALWAYS, { key, descending })) {
        for (const row of rows) {
          expected.push(LOG_FIELDS.map((f) => csvField(f, f.read(row))).join(','))
          states.push(row.open ? 'open' : row.interrupted ? 'interrupted' : 'ended')
        }
      }
      let text = ''
      let rows = 0
      for await (const piece of store.store.csv('acme', ALWAYS, { key, descending })) {
        text += Buffer.from(piece.text).toString('utf8')
        rows += piece.rows
      }
      expect(expected.length).toBeGreaterThan(2048)
      expect(new Set(states)).toEqual(new Set(['open', 'interrupted', 'ended']))
      expect(rows).toBe(expected.length)
      expect(text).toBe(expected.map((line) => line + CSV_LINE_END).join(''))
    })
  }
}

test('an export that is left in the middle leaves nothing behind', async () => {
  const before = store.store.stats().exports
  for await (const piece of store.store.csv('acme', ALWAYS, {
    key: 'startTime',
    descending: true,
  })) {
    expect(piece.rows).toBeGreaterThan(0)
    expect(store.store.stats().exports).toBe(before + 1)
    break
  }
  expect(store.store.stats().exports).toBe(before)
})
