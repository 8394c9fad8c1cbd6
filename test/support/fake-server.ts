/**
 * A server that stores batches in a Map and can be told to misbehave: real HTTP over a real socket. `answer` takes
 * over a request; without it (or when it returns false) the batch is stored and confirmed.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { onTestFinished } from 'vitest'
import type { Batch } from '../../src/session/batch.js'

export interface Request {
  readonly number: number
  readonly batch: Batch
  readonly headers: IncomingMessage['headers']
  readonly response: ServerResponse
  readonly socket: Socket
  readonly store: () => void
}

export type Misbehaviour = (request: Request) => boolean | Promise<boolean>

export class FakeServer {
  readonly stored = new Map<number, Batch>()
  /** Batch numbers in the order they were asked to be stored, repeats included. */
  readonly asked: number[] = []
  readonly paths = new Set<string>()
  requests = 0
  connections = 0
  misbehave: Misbehaviour = () => false
  key = { status: 200, data: { scope: 'ingest', orgId: 'acme', siteId: 3 } as object }
  /** Sessions to refuse, by index. */
  refuse: number[] = []
  catalog: object | null = null
  catalogHeaders: Record<string, string> = {}
  /** Requests for the catalog are taken and never answered. */
  catalogHangs = false
  url = ''

  /** In a test: closed when it ends. */
  async start(tls?: ServerOptions): Promise<this> {
    await this.listen(tls)
    onTestFinished(() => this.close())
    return this
  }

  close: () => void = () => undefined

  async listen(tls?: ServerOptions): Promise<this> {
    const handle = (q: IncomingMessage, r: ServerResponse): void => void this.#handle(q, r)
    const server = tls === undefined ? createServer(handle) : createTlsServer(tls, handle)
    // Longer than a test: how many connections there were must not depend on the machine's speed.
    server.keepAliveTimeout = 120_000
    server.on('connection', () => this.connections++)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    this.url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`
    this.close = () => {
      server.closeAllConnections()
      server.close()
    }
    return this
  }

  async #handle(query: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of query) chunks.push(chunk as Buffer)
    } catch {
      return
    }
    this.paths.add(`${query.method} ${query.url}`)
    if (query.url?.endsWith('/catalog') && this.catalogHangs) return
    if (query.url?.endsWith('/catalog') && this.catalog !== null)
      return envelope(response, 200, this.catalog, this.catalogHeaders)
    if (query.method === 'GET') return envelope(response, this.key.status, this.key.data)
    const batch = JSON.parse(gunzipSync(Buffer.concat(chunks)).toString()) as Batch
    this.requests++
    this.asked.push(batch.batch)
    const store = (): void => void this.stored.set(batch.batch, batch)
    const repeated = this.stored.has(batch.batch)
    const { headers, socket } = query
    const request = { number: this.requests, batch, headers, response, socket, store }
    if (await this.misbehave(request)) return
    store()
    const refused = this.refuse.map((index) => ({ index, sessionId: null, reason: 'bad' }))
    envelope(response, 200, {
      batch: batch.batch,
      stored: batch.sessions.length - refused.length,
      refused,
      repeated,
    })
  }
}

export function envelope(
  response: ServerResponse,
  status: number,
  data: object | null,
  headers: Record<string, string> = {},
): void {
  const success = status < 400
  const message = success ? 'ok' : `refused with ${status}`
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify({ data, success, error: !success, message, status }))
}
