import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { AppError } from '../../../src/base/errors.js'
import { loadCatalog } from '../../../src/meter/attribution/catalog-file.js'

const directory = mkdtempSync(join(tmpdir(), 'tunmeter-catalog-'))
afterAll(() => rmSync(directory, { recursive: true }))

let count = 0
function file(text: string): string {
  const path = join(directory, `${++count}.yaml`)
  writeFileSync(path, text)
  return path
}
function fault(path: string): AppError {
  try {
    loadCatalog(path)
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
  throw new Error('no fault')
}

test('the fixture is a catalog', () => {
  const catalog = loadCatalog(join(import.meta.dirname, '../../../fixtures/wireguard/catalog.yaml'))
  expect(catalog.clients.map((client) => client.name)).toEqual([
    "Anna's laptop",
    "Ravi's workstation",
  ])
  expect(catalog.resources).toHaveLength(5)
})

test('JSON, and an empty file', () => {
  expect(loadCatalog(file('{"sites": [{"siteId": 7, "name": "x"}]}')).sites).toEqual([
    { siteId: 7, name: 'x' },
  ])
  expect(loadCatalog(file('')).clients).toEqual([])
})

test('what is kept of sessions', () => {
  const path = file(`
clients:
  - {clientId: 1, name: a, log: off, fields: {address: truncate, port: drop}}
prefixes:
  - {prefix: 10.9.0.0/16, name: old, log: counts}
`)
  const { clients, prefixes } = loadCatalog(path)
  expect(clients).toMatchObject([{ log: 'off', fields: { address: 'truncate', port: 'drop' } }])
  expect(prefixes).toEqual([{ prefix: '10.9.0.0/16', name: 'old', log: 'counts' }])
  const wrong = fault(
    file(`
clients: [{clientId: 1, name: a, log: some}]
resources: [{siteResourceId: 1, name: w, destination: 10.0.0.1, fields: {port: truncate, colour: drop}}]
prefixes: [{prefix: 10.9.0.0/16, name: a}, {prefix: 10.9.1.1/16, name: b}]
`),
  )
  expect((wrong.facts.faults as string[]).map((line) => line.split(': ')[0])).toEqual([
    'clients[0].log',
    'resources[0].fields.port',
    'resources[0].fields.colour',
  ])
  const twice = '{prefix: 10.9.0.0/16, name: a}, {prefix: 10.9.1.1/16, name: b}'
  expect(fault(file(`prefixes: [${twice}]`)).facts.faults).toEqual([
    'prefixes[1].prefix: 10.9.0.0/16 is that of prefixes[0] already',
  ])
})

/** A meter refuses a catalog with a key that it does not know, as those do that know no rules: nothing is half obeyed. */
test('a catalog without rules has no key that a meter of before does not know', () => {
  const path = file('clients: [{clientId: 1, name: a}]')
  const known = ['clientId', 'name', 'addresses']
  expect(Object.keys(loadCatalog(path).clients[0]!)).toEqual(known)
  expect(Object.keys(loadCatalog(path))).toEqual(['clients', 'users', 'sites', 'resources'])
  expect(fault(file('laterRules: []')).code).toBe('CATALOG_INVALID')
})

test('all faults at once, each with its place', () => {
  const path = file(`
clients:
  - {clientId: 1, name: a, publicKey: short}
  - {clientId: 0, name: b, adresses: []}
resources:
  - {siteResourceId: 1, name: w, destination: 10.0.0.0/40, ports: [70000]}
`)
  const error = fault(path)
  expect(error.code).toBe('CATALOG_INVALID')
  expect(error.exitCode).toBe(2)
  const places = (error.facts.faults as string[]).map((line) => line.split(': ')[0])
  expect(places).toEqual([
    'clients[0].publicKey',
    'clients[1].clientId',
    'clients[1].adresses',
    'resources[0].destination',
    'resources[0].ports[0]',
  ])
  expect(error.message).toContain(`${path}: clients[0].publicKey: expected a WireGuard public key`)
  expect(error.message).toContain('adresses')
})

test('half characters and NUL are no names', () => {
  const error = fault(
    file(
      '{"clients": [{"clientId": 1, "name": "a\\ud800"}], "sites": [{"siteId": 1, "name": "\\0"}]}',
    ),
  )
  expect(error.facts.faults).toEqual([
    'clients[0].name: expected a text of whole characters, without NUL, got "a\\ud800"',
    'sites[0].name: expected a text of whole characters, without NUL, got "\\u0000"',
  ])
  const whole = file('{"sites": [{"siteId": 1, "name": "\\ud83d\\ude00"}]}')
  expect(loadCatalog(whole).sites[0]!.name).toBe('😀')
})

test('an identity that two entries claim', () => {
  const error = fault(file('clients: [{clientId: 1, name: a}, {clientId: 1, name: b}]'))
  expect(error.message).toContain('clients[1].clientId: 1 is that of clients[0] already')
})

test('an address that two clients claim, however it is written', () => {
  const clients = (a: string, b: string) =>
    file(
      `clients: [{clientId: 1, name: a, addresses: [${a}]}, {clientId: 2, name: b, addresses: [${b}]}]`,
    )
  for (const [a, b, shown] of [
    ['10.8.0.2', '10.8.0.2/32', '10.8.0.2'],
    ['10.8.0.0/24', '10.8.0.9/24', '10.8.0.0/24'],
    ['"fd00::2"', '"FD00:0::2/128"', 'fd00:0:0:0:0:0:0:2'],
  ] as const)
    expect(fault(clients(a, b)).facts.faults).toEqual([
      `clients[1].addresses: ${shown} is that of clients[0] already`,
    ])
  // A longer prefix inside a shorter one is how one client is told from its network.
  expect(loadCatalog(clients('10.8.0.0/24', '10.8.0.0/25')).clients).toHaveLength(2)
  // The same address twice at one client is no question of order.
  expect(loadCatalog(clients('10.8.0.2, 10.8.0.2/32', '10.8.0.3')).clients).toHaveLength(2)
})

test('what cannot be read', () => {
  expect(fault(join(directory, 'none')).code).toBe('CATALOG_UNREADABLE')
  expect(fault(file('clients: [')).code).toBe('CATALOG_UNREADABLE')
  expect(fault(directory).code).toBe('CATALOG_UNREADABLE')
  expect(fault(file('42')).code).toBe('CATALOG_INVALID')
})

test.each(['utf16le', 'latin1'] as const)('a file in %s is said to be no UTF-8', (encoding) => {
  const text = '\ufeffclients: [{ clientId: 1, name: José }]\n'
  const path = join(directory, `${encoding}.yaml`)
  writeFileSync(path, Buffer.from(encoding === 'latin1' ? text.slice(1) : text, encoding))
  expect(fault(path).message).toMatch(/: it is not UTF-8 .*: save it as UTF-8$/)
})

test('a file of JSON is not read as YAML, and what only looks like JSON is', () => {
  // YAML refuses a doubled key; of JSON the last one counts, as everywhere.
  expect(
    loadCatalog(file('{"sites": [], "sites": [{"siteId": 1, "name": "a"}]}')).sites,
  ).toHaveLength(1)
  expect(loadCatalog(file('{sites: [{siteId: 1, name: a}]}')).sites).toHaveLength(1)
  expect(() => loadCatalog(file('{"sites": [}'))).toThrow(/cannot read the catalog/)
})
