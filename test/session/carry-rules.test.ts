import { expect, test } from 'vitest'
import { carryRules } from '../../src/session/carry-rules.js'
import { catalogSchema } from '../../src/session/catalog.js'

test('an import keeps what is said of the same ids, and what it says itself', () => {
  const before = catalogSchema.parse({
    clients: [
      { clientId: 1, name: 'a', log: 'off' },
      { clientId: 2, name: 'b', log: 'off' },
    ],
    resources: [
      { siteResourceId: 7, name: 'db', destination: '10.0.0.1', log: 'counts' },
      { siteResourceId: 7, name: 'db', destination: '10.0.0.2', fields: { port: 'drop' } },
    ],
    prefixes: [{ prefix: '10.9.0.0/16', name: 'old', log: 'off' }],
  })
  const after = catalogSchema.parse({
    clients: [
      { clientId: 1, name: 'anna' },
      { clientId: 2, name: 'ben', log: 'full' },
      { clientId: 3, name: 'cem' },
    ],
    resources: [{ siteResourceId: 7, name: 'database', destination: '10.0.0.1' }],
  })
  const { clients, resources, prefixes } = carryRules(before, after)
  expect(clients.map(({ name, log }) => [name, log])).toEqual([
    ['anna', 'off'],
    ['ben', 'full'],
    ['cem', undefined],
  ])
  expect(resources).toMatchObject([{ name: 'database', log: 'counts', fields: { port: 'drop' } }])
  expect(prefixes).toEqual(before.prefixes)
})
