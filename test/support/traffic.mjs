/**
 * Programs that run inside a lab's namespaces, each as `node traffic.mjs ROLE JSON`. Servers say `ready` on
 * standard error and one JSON line for every connection that closed, with the octets that the socket itself
 * counted: a judge that knows nothing of packets. Clients say one JSON line and exit.
 */
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import http from 'node:http'
import net from 'node:net'

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
/** Resolves after `bytes` octets came in, counted from the call before. */
function receiver(socket) {
  let got = 0
  let want = 0
  let done = () => {}
  socket.on('data', (data) => {
    got += data.length
    if (got >= want) done()
  })
  return (bytes) =>
    new Promise((resolve) => {
      want += bytes
      done = resolve
      if (got >= want) resolve()
    })
}

function report(socket) {
  const at = {
    client: socket.remoteAddress,
    clientPort: socket.remotePort,
    server: socket.localAddress,
    serverPort: socket.localPort,
  }
  // A reset by the other side is one of the things that are tried here.
  socket.on('error', () => {})
  socket.on('close', () =>
    say({ ...at, bytesRead: socket.bytesRead, bytesWritten: socket.bytesWritten }),
  )
}

const roles = {
  /** GET /N answers N octets; POST answers how many came. */
  async http({ host, port }) {
    const server = http.createServer(async (request, response) => {
      let bytes = 0
      for await (const chunk of request) bytes += chunk.length
      const size = Number(request.url.split('/').at(-1).split('?')[0]) || 0
      const body = request.method === 'POST' ? `${bytes}\n` : randomBytes(size)
      response.setHeader('content-length', body.length)
      response.end(body)
    })
    server.on('connection', report)
    server.listen(port, host, () => process.stderr.write('ready\n'))
  },

  /** Answers every line `N ...` with N octets: the shape of SSH, SQL, Redis. */
  async talk({ host, port, banner = 0 }) {
    const server = net.createServer((socket) => {
      report(socket)
      if (banner > 0) socket.write(randomBytes(banner))
      let text = ''
      socket.setEncoding('latin1').on('data', (data) => {
        const lines = (text + data).split('\n')
        text = lines.pop()
        for (const line of lines) socket.write(randomBytes(Number(line.split(' ')[0]) || 1))
      })
    })
    server.listen(port, host, () => process.stderr.write('ready\n'))
  },

  /**
   * The other side of `talk`: `exchanges` of `ask` octets against `answer` octets with pauses; then `end`:
   * fin, reset, or stay (says `open` on standard error and keeps the connection until killed).
   */
  async converse({
    host,
    port,
    banner = 0,
    ask,
    answer,
    exchanges,
    pauseMs,
    end,
    startPauseMs = 0,
  }) {
    const socket = net.connect({ host, port, noDelay: true })
    socket.on('error', (error) => say({ error: error.code }))
    await new Promise((resolve) => socket.once('connect', resolve))
    const received = receiver(socket)
    await received(banner)
    if (startPauseMs > 0) {
      process.stderr.write('connected\n')
      await pause(startPauseMs)
    }
    const line = `${answer} `.padEnd(ask - 1, '.')
    for (let i = 0; i < exchanges; i++) {
      socket.write(`${line}\n`)
      await received(answer)
      await pause(pauseMs)
    }
    const at = { client: socket.localAddress, clientPort: socket.localPort }
    say({ ...at, bytesRead: socket.bytesRead, bytesWritten: socket.bytesWritten })
    if (end === 'stay') process.stderr.write('open\n')
    else if (end === 'reset') socket.resetAndDestroy()
    else socket.end()
  },

  /** Sends every datagram back. */
  async udpEcho({ host, port }) {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    socket.on('message', (data, from) => socket.send(data, from.port, from.address))
    socket.bind(port, host, () => process.stderr.write('ready\n'))
  },

  /** Sends datagrams of these sizes, awaits each echo (datagrams above the MTU are fragmented). */
  async udpAsk({ host, port, sizes, pauseMs = 0 }) {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    for (const size of sizes) {
      const answer = new Promise((resolve) => socket.once('message', resolve))
      socket.send(randomBytes(size), port, host)
      await answer
      await pause(pauseMs)
    }
    say({ clientPort: socket.address().port, bytes: sizes.reduce((a, b) => a + b, 0) })
    socket.close()
  },
}

const [role, options] = process.argv.slice(2)
await roles[role](JSON.parse(options))
