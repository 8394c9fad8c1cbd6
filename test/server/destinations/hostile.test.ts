/** Receivers that mean no good, and people who set up destinations to get at what is not theirs. */
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { testRow } from '../../../src/server/destinations/events.js'
import { HttpSender } from '../../../src/server/destinations/http-send.js'
import { syslog } from '../../../src/server/destinations/kinds/syslog.js'
import { headersSchema } from '../../../src/server/destinations/settings.js'
import { until } from '../../support/until.js'

const OPEN = { allowPlain: true, allowPrivate: true }

let sockets: Socket[]
let server: Server
let stopping: AbortController

beforeEach(() => {
  sockets = []
  stopping = new AbortController()
})
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  server.close()
})

async function listen(given: Server): Promise<number> {
  server = given.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
const silent = () => createServer({ pauseOnConnect: true }, (socket) => sockets.push(socket))

function sendSyslog(url: string, bytes = 100) {
  const receiver = syslog.open({
    ...{ settings: syslog.settings.parse({ url }), secrets: {}, columns: null, version: '1' },
    guard: OPEN,
  })
  const row = testRow('acme', 0)
  const batch = { id: 'd.1', orgId: 'acme', sinceMs: 0, rows: [row], events: ['x'.repeat(bytes)] }
  return receiver.deliver({ ...batch, signal: stopping.signal })
}

describe.each(['tls', 'relp+tls'])(
  '%s: a receiver that takes the connection and is silent',
  (scheme) => {
    test('is left when the attempt is over, and its reset afterwards harms nobody', async () => {
      const port = await listen(silent())
      const sending = sendSyslog(`${scheme}://127.0.0.1:${port}`)
      await until(() => sockets.length === 1)
      stopping.abort()
      expect(await sending).toMatchObject({ kind: 'later' })
      // It is closed from here, and not kept until the other side has had enough.
      const closed = once(sockets[0]!, 'close')
      sockets[0]!.on('error', () => undefined).resume()
      await closed
    })
  },
)

describe.each(['tcp', 'relp'])('%s: a receiver that reads nothing', (scheme) => {
  test('holds an attempt no longer than it may take', async () => {
    const port = await listen(silent())
    const sending = sendSyslog(`${scheme}://127.0.0.1:${port}`, 20_000_000)
    await until(() => sockets.length === 1)
    stopping.abort()
    expect(await sending).toMatchObject({ kind: 'later' })
  })
})

describe('http', () => {
  const send = async (port: number, bytes = 20_000_000) => {
    const sender = new HttpSender(OPEN, undefined)
    const url = new URL(`http://127.0.0.1:${port}/`)
    const request = { method: 'POST', url, headers: {}, body: Buffer.alloc(bytes) } as const
    return sender.send(request, stopping.signal).finally(() => sender.close())
  }

  test('a receiver that reads nothing holds an attempt no longer than it may take', async () => {
    const port = await listen(silent())
    const sending = send(port)
    await until(() => sockets.length === 1)
    stopping.abort()
    expect(await sending).toMatchObject({ kind: 'later' })
  })

  test('an answer that never ends, a byte now and then, does not outlast the attempt', async () => {
    let isDripping = false
    const drip = createHttpServer((request, answer) => {
      request.resume()
      answer.writeHead(200).write('a')
      isDripping = true
    })
    drip.on('connection', (socket) => sockets.push(socket))
    const port = await listen(drip)
    const sending = send(port)
    await until(() => isDripping)
    stopping.abort()
    expect(await sending).toMatchObject({ kind: 'later' })
  })

  test('interim answers without end are not read to the end of the attempt', async () => {
    const flooding = createServer((socket) => {
      sockets.push(socket)
      const more = () => {
        while (!socket.destroyed && socket.write('HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n'));
      }
      socket.on('error', () => undefined).on('drain', more)
      socket.once('data', more).resume()
    })
    expect(await send(await listen(flooding), 100)).toMatchObject({
      kind: 'later',
      text: 'the receiver sends interim answers without end',
    })
  })

  test.each(['keep-alive', 'Keep-Alive', 'proxy-authorization'])(
    'the header %s is not taken, since no request could be made with it',
    (name) => {
      expect(headersSchema.safeParse({ [name]: 'x' }).success).toBe(false)
    },
  )
})
