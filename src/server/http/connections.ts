/**
 * Bounds of connections, before any key is checked: a request of 30 bytes makes an object of some KiB and an answer of
 * any size.
 *
 *   requests      A connection answers one request at a time. The next one begins when the kernel has the answer. At
 *                 most PIPELINED_MAX requests wait on a connection, and WAITING_MAX on all: one more closes its own.
 *   connections   The server holds at most connectionsMax(). One more closes a connection of the address with the most:
 *                 the longest idle one, else one whose request is unfinished, else the new one. So no address locks
 *                 out the others.
 *   answers       If the client reads nothing for STALLED_MS (60 s; exports: 5 min, download.ts), its connection is
 *                 closed.
 */
import { readFileSync } from 'node:fs'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export const PIPELINED_MAX = 64
export const WAITING_MAX = 4096
const CONNECTIONS_MAX = 1000
const STALLED_MS = 60_000

export const CLOSED_REASONS = ['pipelined', 'tooMany', 'stalled'] as const
export type ClosedReason = (typeof CLOSED_REASONS)[number]

type Exchange = readonly [request: IncomingMessage, response: ServerResponse]

interface Connection {
  readonly socket: Socket
  readonly address: string
  /** The request being answered. */
  request: IncomingMessage | undefined
  readonly waiting: Exchange[]
}

/** Half of the files that this process may open, at most 1,000. The store, exports and backups need the others. */
export function connectionsMax(limits = '/proc/self/limits'): number {
  const files = /^Max open files\s+(\d+)/m.exec(readFileSync(limits, 'utf8'))?.[1]
  return files === undefined ? CONNECTIONS_MAX : Math.min(CONNECTIONS_MAX, Number(files) >> 1)
}

/** With TLS, a request's socket is not the accepted one, but both have the same peer. */
const keyOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`

export class Connections {
  readonly #max: number
  readonly #closed: (reason: ClosedReason) => void
  /** The longest idle first: a connection moves to the end after each answer. */
  readonly #connections = new Map<string, Connection>()
  #waiting = 0

  constructor(max: number, closed: (reason: ClosedReason) => void) {
    this.#max = max
    this.#closed = closed
  }

  watch(server: Server): void {
    server.on('connection', (socket: Socket) => this.#accept(socket))
    server.setTimeout(STALLED_MS, (socket) => {
      // Without bytes to send, the client waits for a long query, or the connection is idle and has a limit of its own.
      if (socket.writableLength > 0) this.#close(socket, 'stalled')
    })
  }

  /** @returns a listener that passes on one request of each connection at a time */
  oneAtATime(handle: RequestListener): RequestListener {
    return (request, response) => {
      const connection = this.#connections.get(keyOf(request.socket))
      // The parser may still deliver requests of a closed connection.
      if (connection === undefined || request.socket.destroyed) return
      if (connection.request === undefined)
        return this.#answer(connection, [request, response], handle)
      if (connection.waiting.length >= PIPELINED_MAX || this.#waiting >= WAITING_MAX)
        return this.#close(request.socket, 'pipelined')
      connection.waiting.push([request, response])
      this.#waiting++
    }
  }

  #answer(connection: Connection, [request, response]: Exchange, handle: RequestListener): void {
    connection.request = request
    response.once('close', () => {
      connection.request = undefined
      if (request.socket.destroyed) return
      const next = connection.waiting.shift()
      if (next !== undefined) {
        this.#waiting--
        this.#answer(connection, next, handle)
      } else this.#toEnd(connection)
    })
    handle(request, response)
  }

  #toEnd(connection: Connection): void {
    const key = keyOf(connection.socket)
    if (this.#connections.delete(key)) this.#connections.set(key, connection)
  }

  #accept(socket: Socket): void {
    // The client may already have disconnected.
    if (socket.remoteAddress === undefined) return
    const key = keyOf(socket)
    const connection: Connection = {
      socket,
      address: socket.remoteAddress,
      request: undefined,
      waiting: [],
    }
    this.#connections.set(key, connection)
    socket.once('close', () => {
      this.#connections.delete(key)
      this.#waiting -= connection.waiting.length
      connection.waiting.length = 0
    })
    if (this.#connections.size > this.#max) this.#close(this.#leastNeeded(socket), 'tooMany')
  }

  #leastNeeded(newest: Socket): Socket {
    const counts = new Map<string, number>()
    for (const { address } of this.#connections.values())
      counts.set(address, (counts.get(address) ?? 0) + 1)
    const most = Math.max(...counts.values())
    const candidates = [...this.#connections.values()].filter((c) => counts.get(c.address) === most)
    const idle = candidates.find((c) => c.request === undefined)
    // A request whose body is unfinished has cost the server no work yet.
    return (idle ?? candidates.find((c) => !c.request!.complete))?.socket ?? newest
  }

  #close(socket: Socket, reason: ClosedReason): void {
    this.#closed(reason)
    socket.destroy()
  }
}
