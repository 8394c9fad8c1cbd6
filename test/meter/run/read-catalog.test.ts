import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fromColumns, toColumns } from '../../../src/meter/attribution/catalog-columns.js'
import type { CatalogInput } from '../../../src/meter/run/read-catalog.js'
import { type CatalogLists, catalogSchema } from '../../../src/session/catalog.js'
import { ROOT } from '../../support/process.js'
import { temporaryDirectory } from '../../support/temporary.js'

/** The worker is JavaScript. */
const { readCatalog, readHere } = (await import(
  `${ROOT}dist/meter/run/read-catalog.js`
)) as typeof import('../../../src/meter/run/read-catalog.js')

const key = (i: number): string => Buffer.from(String(i).padStart(32)).toString('base64')

/** More than a megabyte. */
function largeFile(change: (clients: { name: unknown }[]) => void = () => undefined): string {
  const clients = Array.from({ length: 8_000 }, (_, i) => ({
    clientId: i + 1,
    name: `Laptop of employee number ${i}`,
    publicKey: key(i),
    addresses: [`10.8.${i >> 8}.${i & 255}`, `fd00::${i.toString(16)}/128`],
  }))
  change(clients)
  const path = join(temporaryDirectory(), 'catalog.json')
  writeFileSync(path, JSON.stringify({ clients }))
  return path
}

/** All entries, each as an object of its own. */
const whole = (catalog: CatalogLists | null) => {
  const lists = Object.entries(catalog ?? {}) as [string, Iterable<object>][]
  return Object.fromEntries(
    lists.map(([name, list]) => [name, Array.from(list, (one) => ({ ...one }))]),
  )
}

/** What was read, and how often others had their turn meanwhile. */
async function readAndCount(input: CatalogInput) {
  let turns = 0
  const timer = setInterval(() => turns++)
  const catalog = await readCatalog(input, { users: true }).finally(() => clearInterval(timer))
  return { catalog: whole(catalog), turns }
}

test('a catalog in columns is the same catalog', () => {
  const catalog = catalogSchema.parse({
    clients: [
      { clientId: 1, name: 'a', addresses: [], log: 'counts' },
      { clientId: 2, name: 'b', userId: null, publicKey: key(1), fields: { port: 'drop' } },
      { clientId: 3, name: 'c', userId: 'u', addresses: ['10.0.0.1', 'fd00::/64'] },
    ],
    users: [{ userId: 'u', name: 'U' }],
    sites: [{ siteId: 1, name: 's' }],
    resources: [{ siteResourceId: 1, name: 'r', destination: '10.1.0.0/16', ports: [1, '2-3'] }],
    prefixes: [{ prefix: '10.0.0.0/8', name: 'p', log: 'off' }],
  })
  expect(whole(fromColumns(structuredClone(toColumns(catalog))))).toEqual(catalog)
  const empty = catalogSchema.parse({})
  expect(whole(fromColumns(toColumns(empty)))).toEqual(empty)
})

test('a large file is read while others have their turn, and is what this thread would read', async () => {
  const input = { kind: 'file', path: largeFile() } as const
  const { catalog, turns } = await readAndCount(input)
  expect(catalog).toEqual(readHere(input))
  expect(turns).toBeGreaterThan(0)
})

test('of users a large file gives the names, to those who ask', async () => {
  const users = [{ userId: 'u', name: 'U', email: 'u@example.com' }]
  const path = largeFile()
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), users }))
  const read = async (asked: boolean) =>
    whole(await readCatalog({ kind: 'file', path }, { users: asked }))
  expect((await read(true)).users).toEqual([{ userId: 'u', name: 'U' }])
  const without = await read(false)
  expect(without.users).toEqual([])
  expect(without.clients).toHaveLength(8_000)
})

test('what is wrong with a large file is said as with a small one', async () => {
  const input = {
    kind: 'file',
    path: largeFile((clients) => {
      clients[7_000]!.name = 7
    }),
  } as const
  const { path } = input
  await expect(readCatalog(input, { users: true })).rejects.toMatchObject({
    code: 'CATALOG_INVALID',
    message: `${path}: clients[7000].name: expected a text, got 7`,
    exitCode: 2,
  })
})

test('a large answer of a server is kept for the next start', async () => {
  const text = readFileSync(largeFile(), 'utf8')
  const keepAs = join(temporaryDirectory(), 'kept.json')
  const answer = { kind: 'answer', text: `{"success":true,"data":${text}}`, keepAs } as const
  const { catalog, turns } = await readAndCount(answer)
  expect(turns).toBeGreaterThan(0)
  const kept = await readCatalog({ kind: 'kept', path: keepAs }, { users: true })
  expect(whole(kept)).toEqual(catalog)
})

test('the end of the meter ends the reading', async () => {
  const ending = new AbortController()
  const reading = readCatalog(
    { kind: 'file', path: largeFile() },
    { users: true, signal: ending.signal },
  )
  ending.abort()
  expect(await reading).toBe(null)
})
