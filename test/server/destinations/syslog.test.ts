/** Messages and frames against a receiver of the tests; real ones are in test/e2e/syslog.e2e.ts. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { testRow } from '../../../src/server/destinations/events.js'
import { framed, syslog } from '../../../src/server/destinations/kinds/syslog.js'
import { Authority, canMakeCertificates } from '../../support/certificates.js'

let server: Server | undefined
afterEach(() => {
  server?.close()
})

async function listen(made: Server): Promise<number> {
  server = made.listen(0, '127.0.0.1')
  await once(made, 'listening')
  return (made.address() as AddressInfo).port
}

/** @returns all that came, once the connection has ended */
function collect(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => undefined)
  return once(socket, 'end').then(() => Buffer.concat(chunks).toString())
}

function send(settings: object, secrets = {}, events = ['{"a":1}', '{"a":"ü"}']) {
  const receiver = syslog.open({
    settings: syslog.settings.parse({ hostname: 'gw', ...settings }),
    secrets,
    guard: { allowPlain: true, allowPrivate: true },
    columns: null,
    version: '1.0.0',
  })
  const signal = new AbortController().signal
  const endUs = Date.UTC(2026, 10, 28, 10) * 1e3 + 1_000_123
  const rows = events.map((_, i) => testRow('acme', endUs + i))
  return receiver.deliver({ id: 'd1.0-1.1', orgId: 'acme', sinceMs: 0, events, rows, signal })
}

const HEAD = '<134>1 2026-11-28T10:00:01.00012'
const MESSAGES = [
  `${HEAD}3Z gw tunmeter - session - {"a":1}`,
  `${HEAD}4Z gw tunmeter - session - {"a":"ü"}`,
]
const FRAMES = MESSAGES.map((m) => `${Buffer.byteLength(m)} ${m}`).join('')

test('lengths count bytes', () => {
  expect(framed('ü')).toBe('2 ü')
})

test('each event is a message of RFC 5424 in a frame of RFC 5425, and the end of the connection the receipt', async () => {
  let got: Promise<string> | undefined
  const port = await listen(
    createServer((socket) => {
      got = collect(socket)
    }),
  )
  expect(await send({ url: `tcp://127.0.0.1:${port}` })).toEqual({
    kind: 'delivered',
    status: null,
  })
  expect(await got).toBe(FRAMES)
})

test('facility, name and the cookie of CEE are as they are set', async () => {
  let got: Promise<string> | undefined
  const port = await listen(
    createServer((socket) => {
      got = collect(socket)
    }),
  )
  const settings = { facility: 20, appName: 'vpn', cee: true, hostname: 'a.b' }
  await send({ url: `tcp://127.0.0.1:${port}`, ...settings }, {}, ['{}'])
  expect(await got).toMatch(/^\d+ <166>1 \S+Z a\.b vpn - session - @cee: \{\}$/)
})

test('a receiver that cuts the connection, or ends it before it has read, has not got it', async () => {
  const large = Array.from({ length: 5000 }, () => JSON.stringify({ text: 'x'.repeat(2000) }))
  const away = [
    (socket: Socket) => socket.resetAndDestroy(),
    (socket: Socket) => socket.end(() => socket.destroy()),
  ]
  for (const leave of away) {
    const port = await listen(createServer(leave))
    const sent = await send({ url: `tcp://127.0.0.1:${port}` }, {}, large)
    expect(sent).toMatchObject({ kind: 'later', status: null })
    server?.close()
  }
})

test('a receiver that is not there is tried again later', async () => {
  const port = await listen(createServer())
  await new Promise((done) => server!.close(done))
  expect(await send({ url: `tcp://127.0.0.1:${port}` })).toMatchObject({
    kind: 'later',
    status: null,
  })
})

test.runIf(canMakeCertificates)(
  'TLS: with the authority that is set, and a client certificate',
  async () => {
    const authority = new Authority()
    const own = authority.issue('localhost', 'DNS:localhost')
    const client = authority.issue('tunmeter')
    let got: Promise<string> | undefined
    const port = await listen(
      createTlsServer({ ...own, ca: authority.cert, requestCert: true }, (socket) => {
        got = collect(socket)
      }),
    )
    const url = `tls://localhost:${port}`
    expect(await send({ url })).toMatchObject({ kind: 'later', text: /certificate/ as never })
    const settings = { url, ca: authority.cert, clientCert: client.cert }
    expect(await send(settings, { clientKey: client.key })).toEqual({
      kind: 'delivered',
      status: null,
    })
    expect(await got).toBe(FRAMES)
    expect(await send({ url, ca: authority.cert })).toMatchObject({ kind: 'later' })
  },
)

test.each(['udp://h:1', 'https://h/', 'tls://u:p@h/', 'h:514', 'tls:h:6514', 'tls:///h'])(
  '%s is no address',
  (url) => {
    expect(syslog.settings.safeParse({ url }).success).toBe(false)
  },
)
