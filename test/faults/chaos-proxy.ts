/**
 * An HTTP proxy in front of the server that does to requests what networks do. What it does is drawn from a seeded
 * generator and counted.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from './random.js'

export interface Chaos {
  /** Shares of requests, 0 to 1. */
  readonly cutBefore: number
  readonly cutAfter: number
  readonly cutInAnswer: number
  readonly duplicate: number
  readonly delayMs: number
}

export const CALM: Chaos = { cutBefore: 0, cutAfter: 0, cutInAnswer: 0, duplicate: 0, delayMs: 20 }
export const WILD: Chaos = {
  cutBefore: 0.1,
  cutAfter: 0.15,
  cutInAnswer: 0.1,
  duplicate: 0.15,
  delayMs: 30,
}

export class ChaosProxy {
  readonly counts = {
    requests: 0,
    cutBefore: 0,
    cutAfter: 0,
    cutInAnswer: 0,
    requestsDuplicated: 0,
  }
  url = ''
  /** Where the server is now. */
  target = ''
  chaos: Chaos
  /** Told of each request that reached the server. */
  onForwarded: () => void = () => undefined
  readonly #random: Random
  readonly #server = createServer((q, r) => void this.#handle(q, r))

  constructor(chaos: Chaos, random: Random) {
    this.chaos = chaos
    this.#random = random
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
    return this
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  async #handle(query: IncomingMessage, response: ServerResponse): Promise<void> {
    const { chaos, counts } = this
    const draw = this.#random.next()
    const body = await readAll(query)
    if (body === null) return
    counts.requests++
    await sleep(this.#random.next() * 2 * chaos.delayMs)
    const { cutBefore, cutAfter, cutInAnswer, duplicate } = chaos
    if (draw < cutBefore) {
      counts.cutBefore++
      query.socket.destroy()
      return
    }
    if (draw > 1 - duplicate) {
      counts.requestsDuplicated++
      await this.#forward(query, body)
    }
    const answer = await this.#forward(query, body)
    this.onForwarded()
    if (answer === null || draw < cutBefore + cutAfter) {
      if (answer !== null) counts.cutAfter++
      query.socket.destroy()
      return
    }
    response.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length })
    if (draw < cutBefore + cutAfter + cutInAnswer) {
      counts.cutInAnswer++
      response.write(answer.body.subarray(0, Math.floor(answer.body.length / 2)), () =>
        query.socket.destroy(),
      )
      return
    }
    response.end(answer.body)
  }

  #forward(query: IncomingMessage, body: Buffer): Promise<Answer | null> {
    return new Promise((resolve) => {
      const { connection: _, host: __, ...headers } = query.headers
      const options = { method: query.method ?? 'GET', headers, agent: false as const }
      const onward = request(this.target + (query.url ?? '/'), options, (answer) => {
        const { 'transfer-encoding': ___, connection: ____, ...kept } = answer.headers
        void readAll(answer).then((text) =>
          resolve(text && { status: answer.statusCode ?? 502, headers: kept, body: text }),
        )
      })
      onward.on('error', () => resolve(null))
      onward.end(body)
    })
  }
}

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

async function readAll(stream: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of stream) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks)
  } catch {
    return null
  }
}
