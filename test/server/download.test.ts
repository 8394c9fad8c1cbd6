/** Connections whose other side takes nothing, and answers that are cut. */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, test } from 'vitest'
import { cutWhenStalled, resetWhenCut } from '../../src/server/download.js'

const MiB = 2 ** 20
const STALLED_MS = 50

async function answering(answer: (response: ServerResponse) => void, version = '1.1') {
  const server = createServer((_request, response) => answer(response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
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

test.each<[string, version: string, cut: boolean, (response: ServerResponse) => void]>([
  ['cut when all of it was sent', '1.0', true, (r) => r.write(HALF)],
  ['cut when more is waiting', '1.0', true, (r) => r.write(LONG) || r.destroy()],
  ['cut by the end of the server', '1.0', true, (r) => r.write(HALF)],
  ['complete', '1.0', false, (r) => r.end(HALF)],
  ['complete and long', '1.0', false, (r) => r.end(LONG)],
  ['cut', '1.1', false, (r) => r.write(HALF)],
])('an answer that is %s, to HTTP/%s: reset %s', async (what, version, cut, answer) => {
  let cutNow = (): void => undefined
  const { server, socket } = await answering((response) => {
    cutNow = () => response.destroy()
    resetWhenCut(response)
    answer(response)
  }, version)
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
})
