/** An HTTP server that keeps what it is sent and answers as the test says. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'

export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** The bytes on the wire. */
  readonly body: Buffer
  /** Unpacked. */
  readonly text: string
}

export interface Reply {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly text?: string
  /** The connection is cut instead of an answer. */
  readonly cut?: boolean
  /** No answer, until the receiver is closed. */
  readonly hang?: boolean
  /** The answer waits for this. */
  readonly after?: Promise<void>
}

export class Receiver {
  readonly requests: Received[] = []
  reply: (request: Received) => Reply = () => ({ status: 200 })
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor() {
    this.#server = createServer(async (incoming, answer) => {
      const chunks: Buffer[] = []
      for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
      const body = Buffer.concat(chunks)
      const { method = '', url: path = '', headers } = incoming
      const packed = headers['content-encoding'] === 'gzip'
      const text = (packed ? gunzipSync(body) : body).toString('utf8')
      const request = { method, path, headers, body, text }
      const reply = this.reply(request)
      this.requests.push(request)
      if (reply.hang) return
      await reply.after
      if (reply.cut) incoming.socket.destroy()
      else answer.writeHead(reply.status, reply.headers).end(reply.text ?? '')
    })
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  static async start(): Promise<Receiver> {
    const receiver = new Receiver()
    receiver.#server.listen(0, '127.0.0.1')
    await once(receiver.#server, 'listening')
    return receiver
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`
  }

  /** Of requests that were answered with 2xx, as NDJSON. */
  events(requests: readonly Received[] = this.requests): Record<string, unknown>[] {
    return requests.flatMap(({ text }) =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    )
  }

  async close(): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }
}
