/** Sessions, catalogs and filters by chance, of few values so that they meet, with texts that break careless SQL. */
import fc from 'fast-check'
import type { LogFilter, LogTerm, Sort } from '../../src/server/store/store.js'
import { SORT_KEYS } from '../../src/server/store/store.js'
import type { Catalog } from '../../src/session/catalog.js'
import {
  CONN_STATES,
  DIRECTION_BASES,
  END_REASON_NAMES,
  PROTOCOLS,
  type Session,
  UNATTRIBUTED_REASONS,
} from '../../src/session/session.js'
import { session } from './batches.js'

export const HOSTILE = [
  ...["o'hara", "' OR 1=1 --", '\\', "\\'", 'back\\slash', 'new\nline', 'tab\there', '%', '_', '*'],
  ...[
    '{org:String}',
    '$1',
    '?',
    '"quoted"',
    '=formula()',
    '`',
    ';',
    '/* */',
    'ΓΙΩΡΓΟΣ',
    'İstanbul',
  ],
  ...['Straße', 'naïve', 'nai\u0308ve', '日本', '😀', 'ANNA', 'anna', 'null', 'NULL', ' ', '@x'],
] as const
const ADDRESSES = [
  ...['10.8.0.2', '10.8.0.20', '10.8.1.2', '192.168.10.5', '203.0.113.7', '1.2.3.4'],
  ...['2001:db8::1', '2001:db8::10', 'fd00::2', '::1', '::ffff:1.2.3.4', 'fe80::1:2:3:4'],
] as const
const LARGEST = Number.MAX_SAFE_INTEGER
/** An instant in the middle of a day and a month, so that all kinds of borders are near. */
export const BASE_US = Date.UTC(2026, 9, 31, 23, 59, 30) * 1e3

const hostile = fc.constantFrom(...HOSTILE)
const orNull = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: null, freq: 3 })
/** So few that all sums are exact in a number of JavaScript: each engine rounds larger ones in an order of its own. */
const LARGEST_AMOUNT = 2 ** 46
const amount = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 40 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 2 ** 31 }) },
  { weight: 1, arbitrary: fc.constantFrom(LARGEST_AMOUNT, LARGEST_AMOUNT - 1, 2 ** 40) },
)
/** So few that the headers of all are an exact number. */
const packets = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 2 ** 40 }))
const id = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constant(LARGEST))
const address = fc.constantFrom(...ADDRESSES)
const port = fc.constantFrom(0, 1, 22, 53, 443, 4430, 44_300, 65_535)

const anyFields = fc.record({
  startUs: fc.oneof(
    fc.integer({ min: 0, max: 120e6 }),
    fc.integer({ min: 0, max: 40 * 86_400e6 }),
    fc.integer({ min: 0, max: 5 }),
  ),
  durationUs: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 90_000e6 })),
  protocol: fc.constantFrom(...PROTOCOLS),
  ...{ sourceIp: address, destIp: address, sourcePort: port, destPort: port },
  ...{ bytesTx: amount, bytesRx: amount, packetsTx: packets, packetsRx: packets },
  share: fc.integer({ min: 0, max: 3 }),
  endReason: fc.constantFrom(...END_REASON_NAMES),
  connState: fc.constantFrom(...CONN_STATES),
  flags: fc.integer({ min: 0, max: 255 }),
  handshakeRttUs: orNull(amount),
  directionBasis: fc.constantFrom(...DIRECTION_BASES),
  midstream: fc.boolean(),
  peerPublicKey: orNull(hostile),
  clientEndpoint: orNull(
    fc.constantFrom('203.0.113.7:51820', '[2001:DB8::1]:51820', 'a|b~c', "x'y\\"),
  ),
  clientId: orNull(id),
  userId: orNull(hostile),
  siteResourceId: orNull(id),
  unattributed: orNull(fc.constantFrom(...UNATTRIBUTED_REASONS)),
  otherClientId: orNull(id),
  otherUserId: orNull(hostile),
  seenTwice: orNull(fc.boolean()),
  connectionCount: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 1000 })),
})

export function anySessions(maxLength: number): fc.Arbitrary<Session[]> {
  return fc.array(anyFields, { minLength: 1, maxLength }).map((all) =>
    all.map(({ startUs, durationUs, share, flags, ...fields }, i) => {
      const part = (bytes: number) => Math.floor(bytes / (share + 1))
      const startTimeUs = BASE_US + startUs
      return session(i + 1, {
        ...fields,
        ...{ startTimeUs, endTimeUs: startTimeUs + durationUs },
        ...{ payloadTx: part(fields.bytesTx), payloadRx: part(fields.bytesRx) },
        ...{ tcpFlagsTx: flags, tcpFlagsRx: 255 - flags },
        ...{ retransmitsTx: share, retransmitsRx: 0 },
        ...{ retransmittedBytesTx: part(part(fields.bytesTx)), retransmittedBytesRx: 0 },
      })
    }),
  )
}

export const anyCatalog: fc.Arbitrary<Catalog> = fc.record({
  clients: fc
    .array(fc.record({ id, name: hostile }), { maxLength: 4 })
    .map((all) => byId(all).map(({ id: clientId, name }) => ({ clientId, name, addresses: [] }))),
  users: fc
    .uniqueArray(hostile, { maxLength: 4 })
    .chain((ids) =>
      fc.tuple(
        ...ids.map((userId) =>
          fc.record({ userId: fc.constant(userId), name: hostile, email: orNull(hostile) }),
        ),
      ),
    )
    .map((users) =>
      users.map(({ email, ...user }) => ({ ...user, ...(email !== null && { email }) })),
    ),
  sites: fc.record({ name: hostile }).map(({ name }) => [{ siteId: 1, name }]),
  resources: fc
    .array(fc.record({ id, name: hostile }), { maxLength: 4 })
    .map((all) => byId(all).map(({ id: siteResourceId, name }) => ({ siteResourceId, name }))),
}) as unknown as fc.Arbitrary<Catalog>

function byId<T extends { id: number }>(all: readonly T[]): T[] {
  return [...new Map(all.map((one) => [one.id, one])).values()]
}

const addressFilter = fc.record({
  ip: orNull(address),
  length: fc.constant(null as number | null),
  port: orNull(port),
})
const prefix = fc.oneof(
  fc.record({
    ip: fc.constantFrom('10.8.0.0', '1.2.3.4', '0.0.0.0'),
    length: fc.integer({ min: 0, max: 32 }),
    port: orNull(port),
  }),
  fc.record({
    ip: fc.constantFrom('2001:db8::', '::', 'fd00::'),
    length: fc.integer({ min: 0, max: 128 }),
    port: orNull(port),
  }),
)
const addresses = fc.array(fc.oneof(addressFilter, prefix), { minLength: 1, maxLength: 2 })
const text = fc.oneof(
  hostile,
  fc.constantFrom(
    '10.8',
    '8.0.2:44',
    ':443',
    '443',
    '2001',
    '2001:DB8',
    'an',
    'ΓΙΩ',
    'strasse',
    'x',
  ),
)

const anyTerm: fc.Arbitrary<LogTerm> = fc
  .tuple(
    fc.boolean(),
    fc.oneof(
      fc.record({ text }),
      fc.record({
        named: fc.record({
          kind: fc.constantFrom('client', 'user', 'resource', 'site'),
          values: fc.array(
            fc.record({
              text: fc.oneof(hostile, fc.constantFrom('1', '2', 'a*', '*a*n*', '*')),
              pattern: fc.boolean(),
              none: fc.boolean(),
            }),
            { minLength: 1, maxLength: 2 },
          ),
        }),
      }),
      fc.record({
        addresses: fc.record({ side: fc.constantFrom('source', 'dest'), list: addresses }),
      }),
      fc.record({ ports: fc.array(port, { minLength: 1, maxLength: 2 }) }),
      fc.record({ protocols: fc.constant(['udp']) }),
      fc.record({
        outcomes: fc.array(fc.constantFrom('open', 'closed', 'failed', 'reset', ...CONN_STATES), {
          minLength: 1,
          maxLength: 2,
        }),
      }),
      fc.record({
        amount: fc.record({
          of: fc.constantFrom('bytes', 'bytesTx', 'bytesRx', 'durationUs'),
          operator: fc.constantFrom('>', '>=', '<', '<='),
          value: amount,
        }),
      }),
    ),
  )
  .map(([negated, one]) => ({ negated, ...one }) as LogTerm)

const some = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 1, maxLength: 3 })

export const anyFilter: fc.Arbitrary<LogFilter> = fc
  .record({
    fromUs: fc.constantFrom(0, BASE_US, BASE_US + 3, BASE_US + 30e6),
    toUs: fc.constantFrom(BASE_US + 3, BASE_US + 60e6, BASE_US + 41 * 86_400e6),
    more: fc.oneof(
      { weight: 2, arbitrary: fc.constant({}) },
      {
        weight: 5,
        arbitrary: fc.record(
          {
            protocols: some(fc.constantFrom(...PROTOCOLS)),
            ...{ sources: addresses, dests: addresses, ports: some(port) },
            clientIds: some(orNull(id)),
            siteIds: some(fc.constantFrom(1, 2)),
            siteResourceIds: some(orNull(id)),
            userIds: some(orNull(hostile)),
            party: fc.oneof(fc.record({ userId: hostile }), fc.record({ clientId: id })),
            state: fc.constantFrom('open' as const, 'ended' as const, 'interrupted' as const),
            connStates: some(fc.constantFrom(...CONN_STATES)),
            endReasons: some(fc.constantFrom(...END_REASON_NAMES)),
            minBytes: amount,
            ...{ text, terms: some(anyTerm) },
            sessionIds: some(fc.integer({ min: 1, max: 30 }).map((n) => session(n).sessionId)),
          },
          { requiredKeys: [] },
        ),
      },
      { weight: 2, arbitrary: fc.record({ text }) },
      { weight: 3, arbitrary: fc.record({ terms: some(anyTerm) }) },
    ),
  })
  .map(({ more, ...range }) => ({ ...range, ...more }) as LogFilter)

export const anySort: fc.Arbitrary<Sort> = fc.record({
  key: fc.constantFrom(...SORT_KEYS),
  descending: fc.boolean(),
})
