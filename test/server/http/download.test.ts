/** Connections whose other side takes nothing, and answers that are cut. */
import { once } from 'node:events'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { cutWhenStalled, resetWhenCut } from '../../../src/server/http/download.js'
import { Authority, type Certificate, canMakeCertificates } from '../../support/certificates.js'

const MiB = 2 ** 20
const STALLED_MS = 50

async function answering(
  answer: (response: ServerResponse) => void,
  version = '1.1',
  tls?: Certificate,
) {
  const listener: RequestListener = (_request, response) => answer(response)
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket =
    tls === undefined
      ? connect(port, '127.0.0.1')
      : connectTls({ port, host: '127.0.0.1', ca: tls.cert, rejectUnauthorized: false })
  socket.on('error', () => undefined)
  socket.write(`GET / HTTP/${version}\r\nhost: x\r\n\r\n`)
  return { server, socket }
}

test('an answer that is not taken is cut, and that is told once', async () => {
  let cuts = 0
  let ended = (): void => undefined
  const closed = new Promise<void>((resolve) => {
    ended = resolve
  })
  const { server, socket } = await answering((response) => {
    response.write(Buffer.alloc(64 * MiB))
    response.once('close', ended)
    cutWhenStalled(response, STALLED_MS, () => {
      cuts++
    })
  })
  await closed
  expect(cuts).toBe(1)
  socket.destroy()
  server.close()
})

test('one whose next part is late is not', async () => {
  let timeouts = 0
  const { server, socket } = await answering((response) => {
    response.write('begin, ')
    cutWhenStalled(response, STALLED_MS, () => expect.unreachable())
    response.on('timeout', () => {
      if (++timeouts === 3) response.end('end')
    })
  })
  let text = ''
  for await (const part of socket.setEncoding('utf8')) {
    text += part
    if (text.includes('\r\n0\r\n')) break
  }
  expect(text).toContain('end')
  expect(timeouts).toBe(3)
  socket.destroy()
  server.close()
})

const HALF = 'begin, '
const LONG = Buffer.alloc(16 * MiB, 'x')

const CUTS: readonly [string, version: string, cut: boolean, (r: ServerResponse) => void][] = [
  ['cut when all of it was sent', '1.0', true, (r) => r.write(HALF)],
  ['cut when more is waiting', '1.0', true, (r) => r.write(LONG) || r.destroy()],
  ['cut by the end of the server', '1.0', true, (r) => r.write(HALF)],
  ['complete', '1.0', false, (r) => r.end(HALF)],
  ['complete and long', '1.0', false, (r) => r.end(LONG)],
  ['cut', '1.1', false, (r) => r.write(HALF)],
]

describe.each([false, true])('over TLS: %s', (isTls) => {
  // That one's reset comes along with data here.
  const cuts = CUTS.filter(([what]) => !isTls || what !== 'cut when more is waiting')
  test.skipIf(isTls && !canMakeCertificates).each(cuts)(
    'an answer that is %s, to HTTP/%s: reset %s',
    (what, version, cut, answer) => expectCut(isTls, what, version, cut, answer),
  )
})

async function expectCut(isTls: boolean, ...[what, version, cut, answer]: (typeof CUTS)[number]) {
  let cutNow = (): void => undefined
  const { server, socket } = await answering(
    (response) => {
      cutNow = () => response.destroy()
      resetWhenCut(response)
      answer(response)
    },
    version,
    isTls ? new Authority().issue('server') : undefined,
  )
  let text = ''
  let failure: NodeJS.ErrnoException | undefined
  try {
    for await (const part of socket.setEncoding('utf8')) {
      text += part
      // Not before: libuv's client takes a reset that comes along with data for a regular end.
      if (what.includes('server')) server.closeAllConnections()
      else if (what.startsWith('cut')) cutNow()
    }
  } catch (error) {
    failure = error as NodeJS.ErrnoException
  }
  expect(failure?.code).toBe(cut ? 'ECONNRESET' : undefined)
  if (what.startsWith('complete')) {
    expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toHaveLength(
      what === 'complete' ? HALF.length : LONG.length,
    )
  } else expect(text).not.toMatch(/\r\n0\r\n/)
  server.close()
}
