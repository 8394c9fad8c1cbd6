import { BlockList, isIPv4 } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PrefixTable } from '../../../src/meter/attribution/prefix-table.js'
import { ipText } from '../../../src/session/ip-text.js'

/** The slow, obvious twin: every prefix is tried, the longest wins; Node's own prefix arithmetic. */
class LinearMatch {
  readonly #rows: { text: string; length: number; list: BlockList; family: 'ipv4' | 'ipv6' }[] = []

  insert(text: string): void {
    const [ip = '', length] = text.split('/')
    const family = isIPv4(ip) ? 'ipv4' : 'ipv6'
    const list = new BlockList()
    list.addSubnet(ip, Number(length), family)
    this.#rows.push({ text, length: Number(length), list, family })
  }

  /** Lengths of all prefixes that hold the address, longest first. */
  lengths(ip: string): number[] {
    const family = isIPv4(ip) ? 'ipv4' : 'ipv6'
    const holding = this.#rows.filter((row) => row.family === family && row.list.check(ip, family))
    return [...new Set(holding.map((row) => row.length))].sort((a, b) => b - a)
  }
}

/** Few distinct bytes, so that prefixes nest and share beginnings. */
const smallByte = fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)
const address = fc
  .oneof(
    fc.array(smallByte, { minLength: 4, maxLength: 4 }),
    fc.array(smallByte, { minLength: 16, maxLength: 16 }),
  )
  .map((bytes) => ipText(Uint8Array.from(bytes)))
const prefix = fc.tuple(address, fc.nat(128)).map(([ip, n]) => `${ip}/${isIPv4(ip) ? n % 33 : n}`)

test('table agrees with a linear search, and every wider prefix follows', () => {
  fc.assert(
    fc.property(
      fc.array(prefix, { maxLength: 60 }),
      fc.array(address, { minLength: 1, maxLength: 20 }),
      (prefixes, addresses) => {
        const [table, twin] = [new PrefixTable<string>(), new LinearMatch()]
        for (const one of prefixes) {
          expect(table.insert(one, () => one)).toBe(true)
          twin.insert(one)
        }
        for (const ip of addresses) {
          const lengths: number[] = []
          table.firstMatch(ip, (text) => {
            lengths.push(Number(text.split('/')[1]))
            return null
          })
          expect(lengths).toEqual(twin.lengths(ip))
          expect(table.match(ip)).toBe(table.firstMatch(ip, (text) => text))
        }
      },
    ),
    { numRuns: 700 },
  )
})

test('the value is that of the prefix that matched, merged when it comes again', () => {
  const table = new PrefixTable<string>()
  for (const [text, value] of [
    ['10.0.0.0/8', 'a'],
    ['10.1.0.0/16', 'b'],
    ['10.1.2.3/16', 'c'],
    ['0.0.0.0/0', 'd'],
  ] as const)
    table.insert(text, (before = '') => before + value)
  expect(table.size).toBe(3)
  expect(table.match('10.1.255.1')).toBe('bc')
  expect(table.match('10.2.0.1')).toBe('a')
  expect(table.match('192.0.2.1')).toBe('d')
  expect(table.match('::1')).toBeNull()
  expect(table.match('no address')).toBeNull()
  expect(table.insert('10.0.0.0/40', () => 'x')).toBe(false)
})
