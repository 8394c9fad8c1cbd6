/** What terms mean to the store, and why others are refused. */
import { expect, test } from 'vitest'
import { parseAddress } from '../../../src/server/query/parameters.js'
import { termsOf } from '../../../src/server/query/terms.js'

const read = (query: string) => termsOf(query, parseAddress)

test('one word is a text, as ever', () => {
  expect(read('orders')).toEqual({ text: 'orders' })
  expect(read('"Orders Berlin"')).toEqual({ text: 'Orders Berlin' })
  expect(read(' ')).toEqual({})
})

test('each kind of term', () => {
  const { terms } = read(
    'client:ada-*,none -user:"a*" dest:10.20.0.0/16 port:ssh,443 protocol:TCP outcome:failed,sf bytes>2.5MB duration<=5m orders',
  )
  expect(terms).toEqual([
    {
      negated: false,
      named: {
        kind: 'client',
        values: [
          { text: 'ada-*', pattern: true, none: false },
          { text: 'none', pattern: false, none: true },
        ],
      },
    },
    {
      negated: true,
      named: { kind: 'user', values: [{ text: 'a*', pattern: false, none: false }] },
    },
    {
      negated: false,
      addresses: { side: 'dest', list: [{ ip: '10.20.0.0', length: 16, port: null }] },
    },
    { negated: false, ports: [22, 443] },
    { negated: false, protocols: ['tcp'] },
    { negated: false, outcomes: ['failed', 'SF'] },
    { negated: false, amount: { of: 'bytes', operator: '>', value: 2_500_000 } },
    { negated: false, amount: { of: 'durationUs', operator: '<=', value: 300e6 } },
    { negated: false, text: 'orders' },
  ])
})

test.each([
  ['port:abc', 'port: expected a port or a service as in ssh, got "abc"'],
  ['port:70000', 'port: expected a port or a service as in ssh, got "70000"'],
  ['port:constructor', 'port: expected a port or a service as in ssh, got "constructor"'],
  [
    'source:10.8',
    'source: expected an address as in 10.8.0.2, 10.8.0.0/24 or 10.8.0.2:443, got "10.8"',
  ],
  ['protocol:icmp', 'protocol: expected tcp or udp, got "icmp"'],
  ['bytes>many', 'bytes: expected bytes as in 500, 10kB or 2.5MB, got "many"'],
  ['bytes>9999999999TB', 'bytes: expected bytes as in 500, 10kB or 2.5MB, got "9999999999TB"'],
  ['bytes>1,2', 'bytes: expected one value'],
  ['bytes:5', 'bytes: expected > or <, as in bytes>10'],
  ['client>5', 'client: expected a colon after it'],
  ['duration>5y', 'duration: expected a time as in 500ms, 30s or 5m, got "5y"'],
])('%s is refused with a reason', (query, message) => {
  expect(() => read(query)).toThrow(
    expect.objectContaining({ message, mistake: expect.anything() }),
  )
})
