/** What somebody without a key, or with a small one, can make the server do. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { deflateRawSync, gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { FairBudget } from '../../../src/server/http/body.js'
import { Connections, PIPELINED_MAX } from '../../../src/server/http/connections.js'
import { batch, session } from '../../support/batches.js'
import { TestServer } from '../../support/server.js'
import { until } from '../../support/until.js'

const SESSIONS = '/api/v1/org/acme/site/1/sessions'

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

async function open(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  sockets.push(socket)
  socket.on('error', () => undefined).resume()
  await once(socket, 'connect')
  return socket
}

/** A reset is an end, too. */
const closedOf = (socket: Socket) =>
  new Promise<void>((resolve) => socket.once('close', () => resolve()))

describe('a server', () => {
  let server: TestServer
  let ingest: string

  beforeAll(async () => {
    server = await TestServer.start()
    ingest = await server.key({ scope: 'ingest', org: 'acme', site: 1, retentionDays: 30 })
  })
  afterAll(() => server.stop())

  const port = () => Number(new URL(server.url).port)
  const post = (path: string, body: string | Buffer, headers: Record<string, string> = {}) =>
    fetch(`${server.url}${path}`, {
      method: 'POST',
      body: new Uint8Array(Buffer.from(body)),
      headers: { 'content-type': 'application/json', ...headers },
    })

  test('2,000 requests at once on a connection close that connection and nothing else', async () => {
    for (let n = 0; n < 4; n++) {
      const socket = await open(port())
      const closed = closedOf(socket)
      socket.write('GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2000))
      await closed
    }
    expect((await server.get('/healthz')).status).toBe(200)
    const { body } = await server.get('/metrics')
    expect(body).toContain('tunmeter_server_closed_connections_total{reason="pipelined"} 4')
  })

  test('as many as may wait are answered in their order', async () => {
    const socket = await open(port())
    let text = ''
    socket.on('data', (data) => {
      text += data.toString('latin1')
    })
    const paths = Array.from({ length: PIPELINED_MAX }, (_, n) => `/nothing-${n}.`)
    socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''))
    await until(() => text.includes(paths.at(-1)!))
    expect([...text.matchAll(/there is no GET (\S+?\.)"/g)].map((m) => m[1])).toEqual(paths)
  })

  test.each([
    ['sign-in', '/api/v1/login'],
    ['a path that does not exist', '/nothing'],
  ])('%s takes 4 KiB, and nothing compressed', async (_, path) => {
    expect((await post(path, `{"key":"${'k'.repeat(4096)}"}`)).status).toBe(413)
    const packed = gzipSync('{"key":"tm_x"}')
    expect((await post(path, packed, { 'content-encoding': 'gzip' })).status).toBe(415)
  })

  test.each(['gzip', 'GZIP', 'x-gzip'])('a batch is unpacked: %s', async (encoding) => {
    const body = gzipSync(JSON.stringify(batch(1, [session(1)])))
    const headers = { authorization: `Bearer ${ingest}`, 'content-encoding': encoding }
    expect((await post(SESSIONS, body, headers)).status).toBe(200)
  })

  test('a body that grows more than 200 times is refused, also when it lies about its size', async () => {
    const headers = { authorization: `Bearer ${ingest}`, 'content-encoding': 'gzip' }
    const blanks = Buffer.alloc(16 * 2 ** 20, ' ')
    const honest = gzipSync(blanks)
    const lying = Buffer.concat([
      honest.subarray(0, 10),
      deflateRawSync(blanks),
      Buffer.alloc(8, 1),
    ])
    for (const body of [honest, lying]) {
      const response = await post(SESSIONS, body, headers)
      expect([response.status, await response.json()]).toMatchObject([413, { code: 'tooLarge' }])
    }
    const two = JSON.stringify(batch(2, [session(2)]))
    const members = Buffer.concat([gzipSync(two.slice(0, 9)), gzipSync(two.slice(9))])
    expect((await post(SESSIONS, members, headers)).status).toBe(200)
  })
})

test('an organisation takes at most what is left after it, and gives back', () => {
  const budget = new FairBudget(100)
  expect(budget.take('a', 50)).toBe(true)
  expect(budget.take('a', 1)).toBe(false)
  expect(budget.take('b', 25)).toBe(true)
  expect(budget.take('c', 13)).toBe(false)
  expect(budget.take('c', 12)).toBe(true)
  budget.release('a', 50)
  expect(budget.take('b', 6)).toBe(true)
  budget.release('b', 25)
  budget.release('b', 6)
  budget.release('c', 12)
  expect(budget.take('d', 50)).toBe(true)
})

describe('a server that is full', () => {
  async function start(max: number) {
    const closed: string[] = []
    const seen = { requests: 0 }
    const connections = new Connections(max, (reason) => closed.push(reason))
    const server = createServer(
      connections.oneAtATime((request, response) => {
        seen.requests++
        request.resume()
        request.on('end', () => response.end('answer'))
      }),
    )
    connections.watch(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return { server, closed, seen, port: (server.address() as AddressInfo).port }
  }

  test('closes the longest idle connection of the address that has the most', async () => {
    const { server, closed, port } = await start(3)
    const [oldest, asked] = [await open(port), await open(port)]
    oldest.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(oldest, 'data')
    const gone = closedOf(asked)
    await open(port, '127.0.0.2')
    const neighbour = await open(port, '127.0.0.3')
    await gone
    expect(closed).toEqual(['tooMany'])
    neighbour.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(neighbour, 'data')
    server.close()
  })

  test('bodies that never end hold no place', async () => {
    const { server, closed, seen, port } = await start(2)
    const slow = await open(port)
    const gone = closedOf(slow)
    slow.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n')
    const other = await open(port)
    other.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n')
    await until(() => seen.requests === 2)
    const neighbour = await open(port, '127.0.0.2')
    await gone
    expect(closed).toEqual(['tooMany'])
    neighbour.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(neighbour, 'data')
    server.close()
  })
})
