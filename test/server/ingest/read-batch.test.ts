/** The fast reader beside JSON.parse and the checks: where it reads at all, it reads the same. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { batchSchema } from '../../../src/server/ingest/batch.js'
import { checkSession } from '../../../src/server/ingest/check.js'
import { readBatch } from '../../../src/server/ingest/read-batch.js'
import { batch, session } from '../../support/batches.js'

const PLACE = { orgId: 'acme', siteId: 1, meterId: 'm' }
const NOW_US = Date.now() * 1e3

interface Read {
  readonly sessions: readonly unknown[]
}

/** A batch with its sessions checked. */
function checked(given: unknown): unknown {
  const { sessions, ...head } = given as Read
  return {
    head,
    sessions: sessions.map((s) => ({ ...(checkSession(s, PLACE, NOW_US, 0) as object) })),
  }
}

/** Sessions that differ from each other in all kinds of values. */
const SESSIONS = [
  session(1),
  session(2, { bytesTx: 0, bytesRx: Number.MAX_SAFE_INTEGER, peerPublicKey: 'k'.repeat(64) }),
  session(3, { sourceIp: 'FD00:0:0::0002', destIp: '::ffff:10.8.0.2', midstream: true }),
  session(4, { clientId: null, userId: null, siteResourceId: null, unattributed: 'noPeers' }),
  session(6, { otherClientId: 7, otherUserId: 'bob', seenTwice: true }),
  session(7, { otherClientId: null, seenTwice: null }),
  session(5, { protocol: 'udp', connState: 'S0', handshakeRttUs: null, clientEndpoint: null }),
]
const TEXT = JSON.stringify(batch(1, SESSIONS))

function withFirst(change: object): string {
  return JSON.stringify(batch(1, [{ ...session(1), ...change }, session(2)]))
}

test('a batch as a meter writes it is read as JSON.parse and the checks read it', () => {
  for (const text of [TEXT, JSON.stringify(batch(1, [])), JSON.stringify(batch(7, [session(9)]))])
    expect(checked(readBatch(Buffer.from(text)))).toEqual(checked(JSON.parse(text)))
})

test('a meter of before a field came sends it not: it is null, and is not when it is wrong', () => {
  const before = [session(1), session(2)].map((s) => {
    const { retransmitsTx: _, retransmittedBytesRx: __, seenTwice: ___, ...rest } = s
    return rest
  })
  const text = JSON.stringify({ ...batch(1, []), sessions: before })
  for (const read of [readBatch(Buffer.from(text)), JSON.parse(text)]) {
    const unknown = { retransmitsTx: null, retransmittedBytesRx: null, seenTwice: null }
    const known = { retransmitsRx: 0, retransmittedBytesTx: 0 }
    const each = { ...unknown, ...known }
    expect(checked(read)).toMatchObject({ sessions: [each, each] })
  }
  const wrong = { ...before[0], retransmitsTx: -1 }
  expect(checkSession(wrong, PLACE, NOW_US, 0)).toBe('retransmitsTx: expected a count, got -1')
})

test('a meter of before 0.2 says what it has in quarantine in other words', () => {
  const { report, ...rest } = batch(1, [])
  const spool = { batches: 5, bytes: 6, setAside: 7 }
  const [from, to] = ['2026-11-20T00:00:00.000Z', '2026-11-20T01:00:00.000Z']
  const gaps = ['setAsideFull', 'spoolFull'].map((reason) => ({ reason, sessions: 1, from, to }))
  const read = batchSchema.parse({ ...rest, report: { ...report, spool }, gaps })
  expect(read.report.spool).toEqual({ batches: 5, bytes: 6, quarantined: 7 })
  expect(read.gaps.map((gap) => gap.reason)).toEqual(['quarantineFull', 'spoolFull'])
})

test('texts of one batch are not taken for those of another', () => {
  const names = Array.from({ length: 10_000 }, (_, i) => `user-${i % 6000}`)
  for (let at = 0; at < names.length; at += 1000) {
    const sessions = names.slice(at, at + 1000).map((userId, i) => session(at + i + 1, { userId }))
    const { sessions: read } = readBatch(Buffer.from(JSON.stringify(batch(1, sessions)))) as Read
    expect(read.map((s) => (s as { userId: string }).userId)).toEqual(names.slice(at, at + 1000))
  }
})

test('texts of any length that differ in one letter are told apart', () => {
  const changed = (text: string, at: number) => `${text.slice(0, at)}X${text.slice(at + 1)}`
  for (let length = 1; length <= 80; length++) {
    const plain = 'abcdefghij'.repeat(8).slice(0, length)
    const users = [plain, ...Array.from(plain, (_, at) => changed(plain, at)), plain]
    const sessions = users.map((userId, i) => session(i + 1, { userId }))
    const { sessions: read } = readBatch(Buffer.from(JSON.stringify(batch(1, sessions)))) as Read
    expect(read.map((s) => (s as { userId: string }).userId)).toEqual(users)
  }
})

test('texts of the same words and another length are told apart', () => {
  const letters = [...'abcdefghijklmnopqrstuvwxyz']
  for (const first of letters) {
    const texts = letters.flatMap((second) => letters.map((third) => first + second + third))
    // With their quotes, both are the words `"abc` and `abc"`.
    const users = texts.flatMap((text) => [text, text + text])
    const sessions = users.map((userId, i) => session(i + 1, { userId }))
    const { sessions: read } = readBatch(Buffer.from(JSON.stringify(batch(1, sessions)))) as Read
    expect(read.map((s) => (s as { userId: string }).userId)).toEqual(users)
  }
})

test('keys that differ in one letter are told apart', () => {
  const one = JSON.stringify(batch(1, [session(1)]))
  const second = JSON.stringify(session(2))
  for (const name of Object.keys(session(1))) {
    for (let at = 0; at < name.length; at++) {
      const other = `${name.slice(0, at)}X${name.slice(at + 1)}`
      const text = one.replace(/\]\}$/, `,${second.replace(`"${name}"`, `"${other}"`)}]}`)
      expect(JSON.parse(text).sessions[1]).not.toHaveProperty(name)
      expect(readBatch(Buffer.from(text)), other).toBeUndefined()
    }
  }
})

test('what a meter does not know is left out, its place is that of the key', () => {
  const given = session(1)
  const text = JSON.stringify(
    batch(1, [{ orgId: 'other', siteId: 9, ...given, colour: 'red' } as never]),
  )
  const { sessions } = readBatch(Buffer.from(text)) as Read
  const result = checkSession(sessions[0], PLACE, NOW_US, 0)
  expect({ ...(result as object) }).toEqual({ ...given, ...PLACE })
})

test.each([
  ['spaces', JSON.stringify(batch(1, SESSIONS), null, 1)],
  ['a wrong value', withFirst({ destPort: 65_536 })],
  ['an address that is none', withFirst({ sourceIp: '10.8.0.256' })],
  ['a word that is none', withFirst({ connState: 'toString' })],
  ['an empty text', withFirst({ userId: '' })],
  ['a fraction', withFirst({ bytesTx: 1.5 })],
  ['a negative number', withFirst({ bytesTx: -1 })],
  ['an exponent', TEXT.replace('"bytesRx":5000', '"bytesRx":5e3')],
  ['a leading zero', TEXT.replace('"bytesRx":5000', '"bytesRx":05000')],
  ['a number beyond 2^53', TEXT.replace('"bytesRx":5000', '"bytesRx":9007199254740992')],
  ['an escape', TEXT.replace('"u1"', '"\\u0075"')],
  ['a text beyond ASCII', withFirst({ userId: 'jürgen' })],
  ['a nested value', withFirst({ extra: [1] })],
  ['a missing field', withFirst({ unattributed: undefined })],
  [
    'a key twice',
    JSON.stringify(batch(1, [session(1)])).replace('unattributed":null', 'bytesTx":7'),
  ],
  [
    'other keys in the second',
    JSON.stringify(batch(1, [session(1), { ...session(2), x: 1 } as never])),
  ],
  ['sessions that are not last', JSON.stringify({ ...batch(1, SESSIONS), x: 1 })],
  ['sessions inside the report', `{"report":{"sessions":[${JSON.stringify(session(1))}]}`],
  ['a list around it', `[{"sessions":[${JSON.stringify(session(1))}]}]`],
  ['a comma at the end', TEXT.replace(/\]\}$/, ',]}')],
  ['a text that is cut', TEXT.slice(0, -200)],
  ['nothing', ''],
])('left to JSON.parse: %s', (_, text) => {
  expect(readBatch(Buffer.from(text))).toBeUndefined()
})

test('broken anywhere, it is not read, or read as JSON.parse and the checks read it', () => {
  const piece = fc.constantFrom(
    ...'{}[]",:\\0123456789.-+e tfnu\u007f\u00e9x'.split(''),
    '"sessions":[',
  )
  const change = fc.record({
    at: fc.nat({ max: TEXT.length }),
    drop: fc.nat({ max: 3 }),
    put: fc.oneof(piece, fc.constant('')),
  })
  let read = 0
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      let text = TEXT
      for (const { at, drop, put } of changes)
        text = text.slice(0, at) + put + text.slice(at + drop)
      const bytes = Buffer.from(text)
      const batch = readBatch(bytes)
      if (batch === undefined) return
      read++
      expect(checked(batch)).toEqual(checked(JSON.parse(bytes.toString('utf8'))))
    }),
    { numRuns: 3000 },
  )
  // Most changes of a digit or letter leave a batch that is read: the comparison has been made.
  expect(read).toBeGreaterThan(100)
})

test('what only ends like `sessions` is another key', () => {
  const text = '{"x\\"sessions":[]}'
  expect(JSON.parse(text)).not.toHaveProperty('sessions')
  expect(readBatch(Buffer.from(text))).toBeUndefined()
})

test('a session of thousands of keys is left to JSON.parse', () => {
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`key${i}`, i]))
  const text = JSON.stringify(batch(1, [{ ...session(1), ...many }]))
  expect(readBatch(Buffer.from(text))).toBeUndefined()
})
