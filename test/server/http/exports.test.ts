/** Exports over a real socket: clients that leave, wait in line or do not read, and what they leave behind. */
import { once } from 'node:events'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { batch, session } from '../../support/batches.js'
import { TestServer } from '../../support/server.js'

const LONG = { timeout: 120_000 }
/** More than sockets hold, so that an export that nobody reads goes on. */
const BATCHES = 8
const BATCH_ROWS = 5000
const EXPORT = '/api/v1/org/acme/logs/connection/export'

let server: TestServer
let admin: string

beforeAll(async () => {
  server = await TestServer.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  for (let b = 0; b < BATCHES; b++) {
    // Texts that do not pack, so that a Parquet file is long, too.
    const sessions = Array.from({ length: BATCH_ROWS }, (_, i) => {
      const n = b * BATCH_ROWS + i
      const random = Math.imul(n + 1, 0x9e3779b1) >>> 0
      return session(n + 1, {
        startTimeUs: Date.now() * 1e3 - 3600e6 + (random % 1e9),
        bytesTx: random * 7919,
        bytesRx: ((random ^ 0x5bd1e995) >>> 0) * 104_729,
        sourceIp: `10.${(random >>> 24) & 255}.${(random >>> 16) & 255}.${random & 255}`,
        endTimeUs: Date.now() * 1e3,
      })
    })
    const path = '/api/v1/org/acme/site/1/sessions'
    const { body } = await server.request('POST', path, admin, batch(b + 1, sessions))
    expect(body).toMatchObject({ data: { stored: BATCH_ROWS } })
  }
}, 120_000)
afterAll(() => server.stop())

const ask = (query: string, method = 'GET', more = '') =>
  `${method} ${EXPORT}?${query} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${admin}\r\n${more}\r\n`

/** Does not read before it is told to. */
async function client(): Promise<Socket> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

async function running(): Promise<number> {
  const { body } = await server.get('/metrics')
  return Number(/^tunmeter_server_exports_running (\d+)$/m.exec(body)?.[1])
}

const directories = () => readdirSync(server.data).filter((name) => name.startsWith('export-'))

for (const format of ['csv', 'ndjson', 'parquet']) {
  test(`${format}: exports that wait in line on a connection end with it`, LONG, async () => {
    const socket = await client()
    socket.write(ask(`format=${format}`).repeat(3))
    // One answer at a time on a connection: the others wait and are dropped with it.
    await expect.poll(running, { timeout: 20_000 }).toBe(1)
    socket.destroy()
    await expect.poll(running, { timeout: 20_000 }).toBe(0)
    expect(directories()).toEqual([])
  })
}

test('one that is not read keeps its place until it is left, packed or not', LONG, async () => {
  const sockets = [await client(), await client(), await client()]
  sockets[0]!.write(ask('format=csv'))
  sockets[1]!.write(ask('format=ndjson', 'GET', 'accept-encoding: gzip\r\n'))
  sockets[2]!.write(ask('format=csv&sort=bytes', 'GET', 'connection: close\r\n'))
  await expect.poll(running, { timeout: 20_000 }).toBe(3)
  // Sends no more, and is answered no more.
  sockets[0]!.end()
  await expect.poll(running, { timeout: 20_000 }).toBe(2)
  for (const socket of sockets) socket.destroy()
  await expect.poll(running, { timeout: 20_000 }).toBe(0)
})

for (const format of ['csv', 'ndjson', 'parquet']) {
  test(`${format}: HEAD is answered without an export`, LONG, async () => {
    const rows = async () => {
      const { body } = await server.get('/metrics')
      const counted = new RegExp(`export_rows_total\\{format="${format}"\\} (\\d+)`).exec(body)
      return Number(counted?.[1] ?? 0)
    }
    // The most that are few: the counter must be one that moves.
    const query = `format=${format}&minBytes=471000000000000`
    const before = await rows()
    const get = await server.get(`${EXPORT}?${query}`, admin)
    const after = await rows()
    expect(after).toBeGreaterThan(before)
    const head = await server.request('HEAD', `${EXPORT}?${query}`, admin)
    expect([head.status, head.body]).toEqual([200, ''])
    for (const name of ['content-type', 'content-disposition', 'vary', 'cache-control']) {
      const [ofHead, ofGet] = [head, get].map(({ headers }) =>
        headers.get(name)?.replace(/\d{6}Z/g, ''),
      )
      expect([name, ofHead]).toEqual([name, ofGet])
      expect(ofHead).not.toBeUndefined()
    }
    expect(await rows()).toBe(after)
  })
}

test('gzip that is refused is not sent', async () => {
  for (const [accepts, packed] of [
    ['gzip', true],
    ['br, GZIP;q=0.5', true],
    ['gzip;q=0', false],
    ['identity, gzip; q=0.0', false],
    ['br', false],
  ] as const) {
    const response = await fetch(`${server.url}${EXPORT}?minBytes=1`, {
      method: 'HEAD',
      headers: { authorization: `Bearer ${admin}`, 'accept-encoding': accepts },
    })
    expect([accepts, response.headers.get('content-encoding')]).toEqual([
      accepts,
      packed ? 'gzip' : null,
    ])
  }
})

test('what a killed server was writing is removed at the next start', LONG, async () => {
  await server.kill('SIGKILL')
  mkdirSync(`${server.data}/export-abc123`)
  writeFileSync(`${server.data}/export-abc123/sessions.parquet`, 'half')
  await server.spawn()
  expect(directories()).toEqual([])
})

test('a Parquet file that is being sent is nowhere to be left behind', LONG, async () => {
  const socket = await client()
  // Together they are more than sockets hold: the last is still to be sent when all are written.
  socket.write(ask('format=parquet').repeat(4))
  await once(socket, 'readable')
  await expect.poll(directories, { timeout: 20_000 }).toEqual([])
  expect(await running()).toBeGreaterThan(0)
  socket.destroy()
  await expect.poll(running, { timeout: 20_000 }).toBe(0)
})

test('the server ends while exports run that nobody reads', LONG, async () => {
  const sockets = [await client(), await client(), await client()]
  for (const [i, socket] of sockets.entries())
    socket.write(ask(`format=${['csv', 'ndjson', 'parquet'][i]}`))
  // The Parquet file may be on its way as a whole.
  await expect.poll(running, { timeout: 20_000 }).toBeGreaterThan(1)
  await server.kill('SIGTERM')
  expect(server.log.filter((line) => line.includes('"level":50'))).toEqual([])
  expect(directories()).toEqual([])
  for (const socket of sockets) socket.destroy()
  await server.spawn()
  expect(await running()).toBe(0)
})
