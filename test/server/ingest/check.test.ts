/** One session of a batch: what is taken, what is refused, and with which words. */
import { isIP } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkSession } from '../../../src/server/ingest/check.js'
import { canonicalIp } from '../../../src/session/canonical-ip.js'
import { session } from '../../support/batches.js'

const PLACE = { orgId: 'acme', siteId: 1, meterId: 'm' }
const NOW_US = Date.now() * 1e3
const check = (change: object) => checkSession({ ...session(1), ...change }, PLACE, NOW_US, 0)

test('a good session gets its place from the key, and loses what is not known', () => {
  const result = check({ orgId: 'other', siteId: 9, colour: 'red' })
  expect(result).toEqual({
    ...session(1),
    ...PLACE,
    startTimeUs: expect.any(Number),
    endTimeUs: expect.any(Number),
  })
})

test.each([
  ['sessionId', 'x', /^sessionId: expected 26 characters/],
  ['sessionId', '01M7V41F000410610500000RDU', /^sessionId/],
  ['startTimeUs', -1, /^startTimeUs/],
  ['startTimeUs', 1.5, /^startTimeUs/],
  ['endTimeUs', 5, /endTimeUs is before/],
  ['protocol', 'icmp', /^protocol: expected tcp or udp, got "icmp"$/],
  ['sourceIp', '10.8.0.256', /^sourceIp/],
  ['destIp', '10.8.0.2/24', /^destIp/],
  ['destPort', 65_536, /^destPort/],
  ['bytesTx', 2 ** 53, /^bytesTx/],
  ['bytesRx', '7', /^bytesRx: expected a count, got "7"$/],
  ['connState', 'toString', /^connState/],
  ['clientId', 0, /^clientId/],
  ['userId', 'u'.repeat(256), /^userId/],
  ['userId', 'a\0b', /^userId: .*NUL/],
  ['peerPublicKey', 'half \ud800', /^peerPublicKey/],
  ['clientEndpoint', '\udc00', /^clientEndpoint/],
  ['midstream', null, /^midstream/],
  ['otherClientId', 0, /^otherClientId/],
  ['seenTwice', 1, /^seenTwice: expected true or false or null, got 1$/],
  ['unattributed', undefined, /^unattributed: expected a reason or null, got nothing$/],
])('%s = %j is refused', (name, value, reason) => {
  expect(check({ [name]: value })).toMatch(reason)
})

test('what is no object, too far ahead or too old is refused', () => {
  for (const bad of [null, 7, 'x'])
    expect(checkSession(bad, PLACE, NOW_US, 0)).toBe('expected an object')
  const ahead = { startTimeUs: NOW_US + 2 * 86400e6, endTimeUs: NOW_US + 2 * 86400e6 }
  expect(check(ahead)).toMatch(/more than a day ahead/)
  expect(checkSession(session(1), PLACE, NOW_US, NOW_US)).toMatch(/^olderThanRetention/)
})

test('an address is one exactly when isIP says so', () => {
  const part = fc.oneof(
    fc.nat({ max: 300 }).map(String),
    fc.constantFrom('', '00', '01', 'a', '1e1'),
  )
  const dotted = fc.array(part, { minLength: 3, maxLength: 5 }).map((parts) => parts.join('.'))
  fc.assert(
    fc.property(fc.oneof(dotted, fc.ipV4(), fc.ipV6()), (text) => {
      const result = check({ sourceIp: text })
      if (isIP(text) === 0) expect(result).toMatch(/^sourceIp/)
      else expect(result).toMatchObject({ sourceIp: canonicalIp(text) })
    }),
    {
      examples: [
        ['1.2.3.4'],
        ['0.0.0.0'],
        ['1.2.3.04'],
        ['1.2.3'],
        ['1.2.3.'],
        ['1.2.3.4.5'],
        ['1..2.3'],
      ],
    },
  )
})

test.each([
  ['10.8.0.2', '10.8.0.2'],
  ['FD00:0:0::0002', 'fd00::2'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['::ffff:10.8.0.2', '::ffff:a08:2'],
  ['fe80::1%eth0', 'fe80::1'],
])('%s is kept as %s', (given, kept) => {
  expect(canonicalIp(given)).toBe(kept)
})
