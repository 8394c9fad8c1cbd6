/** The two texts of a peer, which are stored as one: whatever they hold, they come back, and only what is asked is searched. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { peerOf } from '../../../src/server/store/duckdb/schema/columns.js'
import { batch, session } from '../../support/batches.js'
import { ALWAYS, TestStore } from '../../support/store.js'

let store: TestStore
beforeAll(async () => {
  store = await TestStore.open()
})
afterAll(() => store.close())

const ASCENDING = { key: 'startTime', descending: false } as const
/** What separates and escapes, combining characters and ones beyond the BMP, mixed. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '|',
        '~',
        '0',
        '1',
        '\u0301',
        '\u200d',
        '\u{1f600}',
        '\u{1f469}\u200d\u{1f467}',
      ),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 }),
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((parts) => parts.join('').replaceAll('\0', ''))
  .filter((t) => t.length > 0 && t.length <= 64)
const peer = fc.record({
  peerPublicKey: fc.option(text, { nil: null }),
  clientEndpoint: fc.option(text, { nil: null }),
})

test('any two texts come back', { timeout: 60_000 }, async () => {
  let number = 0
  await fc.assert(
    fc.asyncProperty(fc.array(peer, { minLength: 1, maxLength: 300 }), async (peers) => {
      const orgId = `any-${++number}`
      const sessions = peers.map((p, i) => session(i + 1, { ...p, startTimeUs: 1e15 + i }))
      await store.send(orgId, 1, batch(1, sessions))
      const found: unknown[] = []
      for await (const rows of store.store.rows(orgId, ALWAYS, ASCENDING))
        found.push(...rows.map((r) => [r.peerPublicKey, r.clientEndpoint]))
      expect(found).toEqual(peers.map((p) => [p.peerPublicKey, p.clientEndpoint]))
    }),
    { numRuns: 20, endOnFailure: true },
  )
})

test('two peers that differ are stored as two texts', () => {
  fc.assert(
    fc.property(peer, peer, (a, b) => {
      const same = a.peerPublicKey === b.peerPublicKey && a.clientEndpoint === b.clientEndpoint
      expect(peerOf(a) === peerOf(b)).toBe(same)
    }),
  )
  expect(peerOf({ peerPublicKey: 'k|~', clientEndpoint: null })).toBe('|k~B~T')
  expect(peerOf({ peerPublicKey: null, clientEndpoint: '1.2.3.4:5' })).toBe('1.2.3.4:5|')
  expect(peerOf({ peerPublicKey: null, clientEndpoint: null })).toBeNull()
})

/** Nothing else of a session holds one of these. */
const needle = fc
  .array(fc.constantFrom('|', '~', 't', 'b', 'T', 'B', '\u0301'), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join(''))
  .filter((t) => /[|~]/.test(t))

test('a text is found in the endpoints that hold it', { timeout: 60_000 }, async () => {
  const endpoint = fc.string({
    unit: fc.constantFrom('|', '~', 'T', 'B', 't', 'b'),
    minLength: 1,
    maxLength: 6,
  })
  const peers = fc.sample(fc.record({ peerPublicKey: endpoint, clientEndpoint: endpoint }), {
    numRuns: 400,
    seed: 5,
  })
  const sessions = peers.map((p, i) => session(i + 1, { ...p, startTimeUs: 1e15 + i }))
  await store.send('search', 1, batch(1, sessions))
  await fc.assert(
    fc.asyncProperty(needle, async (wanted) => {
      const holds = (endpoint: string) =>
        [wanted, wanted.toLowerCase()].some((text) => endpoint.includes(text))
      const expected = peers.filter((p) => holds(p.clientEndpoint)).length
      expect(await store.store.count('search', { ...ALWAYS, text: wanted })).toBe(expected)
    }),
    { numRuns: 100, endOnFailure: true },
  )
})

test('free text looks at the endpoint, not at the key', async () => {
  const peers: [string | null, string | null][] = [
    ['key=seven', '203.0.113.7:51820'],
    ['203.0.113.7', 'a|b~c'],
    ['a|b~c', null],
    ['203.0.113.70', '203.0.113.70:1'],
    ['k', 'B~|TB'],
    [null, '203.0.113.7:1'],
    [null, null],
  ]
  const sessions = peers.map(([peerPublicKey, clientEndpoint], i) =>
    session(i + 1, { peerPublicKey, clientEndpoint }),
  )
  await store.send('free', 1, batch(1, sessions))
  const found = async (wanted: string) => {
    const filter = { ...ALWAYS, text: wanted }
    const page = { filter, sort: ASCENDING, limit: 10, offset: 0 }
    const { rows } = await store.store.page('free', page)
    return rows.map((row) => peers.findIndex((p) => p[1] === row.clientEndpoint)).sort()
  }
  expect(await found('203.0.113.7')).toEqual([0, 3, 5])
  expect(await found('b~c')).toEqual([1])
  expect(await found('a|b')).toEqual([1])
  expect(await found('|')).toEqual([1, 4])
  expect(await found('~|')).toEqual([4])
  // As it is written, or in small letters; the endpoint stays as it is.
  expect(await found('TB')).toEqual([4])
  expect(await found('tb')).toEqual([])
  expect(await found('~b')).toEqual([])
  expect(await found('seven')).toEqual([])
})
