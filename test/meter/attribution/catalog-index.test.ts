/** A catalog may have 100,000 resources, all of them of one host: what is quadratic in that never ends here. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CatalogIndex } from '../../../src/meter/attribution/catalog-index.js'
import { type PortRule, PortTable } from '../../../src/meter/attribution/port-table.js'
import { type Catalog, catalogSchema, EMPTY_CATALOG } from '../../../src/session/catalog.js'
import { PROTOCOLS, type Protocol } from '../../../src/session/session.js'

const MANY = 100_000

function resources(of: (i: number) => object, count = MANY): Catalog {
  return {
    ...EMPTY_CATALOG,
    resources: Array.from({ length: count }, (_, i) => ({
      siteResourceId: i + 1,
      name: 'r',
      destination: '10.0.0.1',
      ports: [],
      ...of(i),
    })),
  }
}

function indexOf(catalog: Catalog): CatalogIndex {
  const index = new CatalogIndex(null)
  index.replace(catalog, 0)
  return index
}

test('100,000 resources of one host are indexed and asked for, port by port', () => {
  const narrow = indexOf(resources((i) => ({ ports: [i % 65_536] })))
  const found = Array.from({ length: 65_536 }, (_, port) =>
    narrow.resourceOf('10.0.0.1', port, 'tcp', 0),
  )
  expect(found).toEqual(Array.from({ length: 65_536 }, (_, i) => i + 1))
  const wide = indexOf(resources((i) => ({ ports: [`${i % 30_000}-65535`] })))
  expect([0, 29_999, 65_535].map((port) => wide.resourceOf('10.0.0.1', port, 'udp', 0))).toEqual([
    1, 30_000, 30_000,
  ])
})

test('100,000 clients in one prefix have their first as the owner', () => {
  const clients = Array.from({ length: MANY }, (_, i) => ({
    clientId: i + 1,
    name: 'c',
    addresses: ['10.8.0.0/16', `10.${9 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`],
  }))
  const index = indexOf({ ...EMPTY_CATALOG, clients })
  expect(index.clientOfAddress('10.8.1.1', 0)?.clientId).toBe(1)
  expect(index.clientOfAddress('10.10.0.0', 0)?.clientId).toBe(65_537)
})

test('ports and addresses are bounded in all, not for each entry only', () => {
  const ports = Array.from({ length: 256 }, (_, i) => i)
  const each = (count: number) => catalogSchema.safeParse(resources(() => ({ ports }), count))
  expect(each(1953).error).toBeUndefined()
  const parsed = each(1954)
  expect(parsed.error?.issues[0]).toMatchObject({
    path: ['resources'],
    message: 'expected at most 500000 ports and ranges in all',
  })
})

/** By its definition: of the rules that fit, the most specific. */
function slowly(rules: readonly PortRule[], port: number, protocol: Protocol): number | null {
  const fitting = rules.filter(
    (rule) => rule.low <= port && port <= rule.high && (rule.protocol ?? protocol) === protocol,
  )
  const order = ({ protocol: given, low, high, siteResourceId }: PortRule) =>
    (given === null ? 1e12 : 0) + (high - low) * 1e6 + siteResourceId
  return fitting.sort((a, b) => order(a) - order(b))[0]?.siteResourceId ?? null
}

const ruleArbitrary = fc
  .record({
    siteResourceId: fc.integer({ min: 1, max: 20 }),
    protocol: fc.constantFrom(null, ...PROTOCOLS),
    from: fc.oneof(fc.constantFrom(0, 65_535), fc.integer({ min: 0, max: 65_535 })),
    span: fc.oneof(fc.constantFrom(0, 65_535), fc.integer({ min: 0, max: 300 })),
  })
  .map(({ from, span, ...rule }) => ({ ...rule, low: from, high: Math.min(65_535, from + span) }))

test('a port has the resource of the most specific rule, whatever the rules', () => {
  fc.assert(
    fc.property(fc.array(ruleArbitrary, { maxLength: 12 }), (rules) => {
      const table = new PortTable()
      for (const rule of rules) table.add(rule)
      const ports = [0, 65_535, ...rules.flatMap(({ low, high }) => [low - 1, low, high, high + 1])]
      for (const port of ports.filter((one) => one >= 0 && one <= 65_535))
        for (const protocol of PROTOCOLS)
          expect(table.resourceOf(port, protocol)).toBe(slowly([...rules], port, protocol))
    }),
  )
})
