/** The difference of two catalogs, as a person reads it before replacing one by the other. */
import { expect, test } from 'vitest'
import { catalogSchema, EMPTY_CATALOG } from '../../src/session/catalog.js'
import { catalogChanges, hasChanges, isEmptyCatalog } from '../../src/session/catalog-changes.js'

const before = catalogSchema.parse({
  clients: [
    { clientId: 1, name: 'Anna', addresses: ['10.8.0.2'] },
    { clientId: 2, name: 'Ben' },
    { clientId: 3, name: 'same', userId: null },
  ],
  users: [{ userId: 'u1', name: 'Ulla' }],
  sites: [{ siteId: 1, name: 'Berlin' }],
  resources: [
    { siteResourceId: 7, name: 'db', destination: '10.0.0.1', ports: [5432] },
    { siteResourceId: 7, name: 'db', destination: '10.0.0.2', ports: [5432] },
  ],
})

test('what was added, removed and changed, with names', () => {
  const after = catalogSchema.parse({
    clients: [
      { clientId: 4, name: 'Dora' },
      { clientId: 3, name: 'same' },
      { clientId: 1, name: 'Anne', addresses: ['10.8.0.3'] },
    ],
    users: [{ userId: 'u1', name: 'Ulla', email: 'ulla@example.org' }],
    sites: [{ siteId: 1, name: 'Berlin' }],
    resources: [{ siteResourceId: 7, name: 'db', destination: '10.0.0.1', ports: [5432] }],
  })
  const none = { added: [], removed: [], changed: [] }
  const changes = catalogChanges(before, after)
  expect(changes).toEqual({
    clients: {
      added: [{ id: 4, name: 'Dora' }],
      removed: [{ id: 2, name: 'Ben' }],
      changed: [{ id: 1, name: 'Anne', was: 'Anna', fields: ['name', 'addresses'] }],
    },
    users: { ...none, changed: [{ id: 'u1', name: 'Ulla', was: 'Ulla', fields: ['email'] }] },
    sites: none,
    resources: { ...none, changed: [{ id: 7, name: 'db', was: 'db', fields: ['entries'] }] },
    prefixes: none,
  })
  expect(hasChanges(changes)).toBe(true)
})

test('a catalog differs in nothing from itself, whatever its order', () => {
  const { clients } = before
  const turned = { ...before, clients: [clients[2]!, clients[0]!, clients[1]!] }
  expect(hasChanges(catalogChanges(before, turned))).toBe(false)
  expect([isEmptyCatalog(EMPTY_CATALOG), isEmptyCatalog(before)]).toEqual([true, false])
})
