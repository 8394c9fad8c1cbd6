/** RELP against a receiver of the tests, which knows the frames; rsyslog's own is in test/e2e/syslog.e2e.ts. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { syslog } from '../../../src/server/destinations/kinds/syslog.js'

let server: Server | undefined
const sockets = new Set<Socket>()
afterEach(() => {
  for (const socket of sockets) socket.destroy()
  server?.close()
})

type Answering = (frame: { txnr: string; command: string; data: string }, socket: Socket) => void

const rsp = (txnr: string, text: string) => `${txnr} rsp ${Buffer.byteLength(text)} ${text}\n`
const ok: Answering = ({ txnr, command }, socket) => {
  if (command !== 'close') socket.write(rsp(txnr, command === 'open' ? '200 OK\nx=1' : '200 OK'))
}

/** @returns messages as they came, and where */
async function listen(answering: Answering): Promise<{ url: string; messages: string[] }> {
  const messages: string[] = []
  server = createServer(async (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    let bytes = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk])
      for (;;) {
        const head = /^(\d+) (\w+) (\d+)[ \n]/.exec(bytes.toString('latin1', 0, 64))
        if (head === null) return
        const [all, txnr = '', command = '', length = ''] = head
        const size = Number(length)
        const from = size === 0 ? all.length - 1 : all.length
        if (bytes.length < from + size + 1) return
        expect(bytes[from + size]).toBe(0x0a)
        const data = bytes.toString('utf8', from, from + size)
        bytes = bytes.subarray(from + size + 1)
        if (command === 'syslog') messages.push(data)
        answering({ txnr, command, data }, socket)
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `relp://127.0.0.1:${(server.address() as AddressInfo).port}`, messages }
}

async function send(url: string, events: readonly string[], signal = new AbortController().signal) {
  const receiver = syslog.open({
    settings: syslog.settings.parse({ url, hostname: 'gw' }),
    secrets: {},
    columns: null,
    guard: { allowPlain: true, allowPrivate: true },
    version: '1.0.0',
  })
  const endsUs = events.map(() => 0)
  const rows = events.map(() => ({ endTimeUs: 0 }))
  const one = { id: 'd1.0-1.1', orgId: 'acme', sinceMs: 0, events, endsUs, rows, signal }
  return receiver.deliver(one as never)
}

const MANY = Array.from({ length: 500 }, (_, n) => JSON.stringify({ n, name: 'Zoë\nx' }))

test('each message has an answer, and with all of them it is delivered', async () => {
  const { url, messages } = await listen(ok)
  expect(await send(url, MANY)).toEqual({ kind: 'delivered', status: null })
  expect(messages.map((one) => one.slice(one.indexOf('{')))).toEqual(MANY)
  expect(messages[0]).toMatch(/^<134>1 1970-01-01T00:00:00.000000Z gw tunmeter - session - \{/)
})

test('answers in pieces are put together', async () => {
  const { url } = await listen((frame, socket) => {
    if (frame.command === 'close') return
    for (const byte of rsp(frame.txnr, '200 OK')) socket.write(byte)
  })
  expect(await send(url, MANY.slice(0, 20))).toEqual({ kind: 'delivered', status: null })
})

test.each<[string, Answering, object]>([
  ['an answer is missing when it ends', stopAfter(3), { kind: 'later' }],
  [
    'it ends the session',
    (frame, socket) => {
      if (frame.txnr === '4') socket.write('0 serverclose 0\n')
      else ok(frame, socket)
    },
    { kind: 'later' },
  ],
  [
    'one message is refused',
    (frame, socket) => {
      if (frame.txnr === '4') socket.write(rsp('4', '500 no such field'))
      else ok(frame, socket)
    },
    { kind: 'refused', status: 500, text: 'no such field' },
  ],
  [
    'it does not take the session',
    ({ txnr }, socket) => socket.write(rsp(txnr, '500 required command not supported')),
    { kind: 'blocked', status: 500 },
  ],
  [
    'it speaks no RELP',
    (_, socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
    { kind: 'later' },
  ],
  [
    'it answers the first message again and again',
    (frame, socket) => ok({ ...frame, txnr: frame.command === 'open' ? '1' : '2' }, socket),
    { kind: 'later', text: 'the receiver answered what it was not sent, or twice' },
  ],
  [
    'it sends a few bytes of something else, and waits',
    (_, socket) => socket.write(Buffer.from('0000000d0500fffe', 'hex')),
    { kind: 'later', text: 'the receiver sent no RELP' },
  ],
  [
    'it sends a length that is none, and waits',
    (_, socket) => socket.write('1 rsp 6x'),
    { kind: 'later', text: 'the receiver sent no RELP' },
  ],
  ['it sends without an end', (_, socket) => socket.write('1 rsp 999999999 x'), { kind: 'later' }],
])('not delivered: %s', async (_name, answering, outcome) => {
  const { url } = await listen(answering)
  expect(await send(url, MANY.slice(0, 10))).toMatchObject(outcome)
})

test('one that takes all and answers nothing is given up with the attempt', async () => {
  const attempt = new AbortController()
  const { url } = await listen((frame, socket) => {
    if (frame.command === 'open') ok(frame, socket)
    else attempt.abort(new Error('the attempt took too long'))
  })
  const sent = await send(url, MANY.slice(0, 10), attempt.signal)
  expect(sent).toMatchObject({ kind: 'later', text: expect.stringContaining('took too long') })
})

function stopAfter(count: number): Answering {
  let answers = 0
  return (frame, socket) => {
    if (answers++ < count) ok(frame, socket)
    else socket.destroy()
  }
}
