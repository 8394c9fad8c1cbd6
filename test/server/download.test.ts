/** Connections whose other side takes nothing. */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, test } from 'vitest'
import { cutWhenStalled } from '../../src/server/download.js'

const MiB = 2 ** 20
const STALLED_MS = 50

async function answering(answer: (response: ServerResponse) => void) {
  const server = createServer((_request, response) => answer(response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
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
