/**
 * What connections of strangers may cost: a request of 30 bytes makes an object of some KiB and an answer of any size,
 * so both are bounded before anybody has shown a key.
 *
 *   a connection   answers one request at a time; the next begins when the answer before it is with the kernel. At most
 *                  PIPELINED_MAX requests wait behind it, and WAITING_MAX on all connections: more closes it.
 *   the server     holds at most connectionsMax connections. A new one beyond them closes the longest idle one of the
 *                  address that has the most, so that one address cannot lock out the others.
 *   an answer      of which the client takes nothing for STALLED_MS closes its connection.
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
  /** That which is being answered. */
  request: IncomingMessage | undefined
  readonly waiting: Exchange[]
}

/** Half of the files that this process may open: the store, exports and backups need the others. */
export function connectionsMax(limits = '/proc/self/limits'): number {
  const files = /^Max open files\s+(\d+)/m.exec(readFileSync(limits, 'utf8'))?.[1]
  return files === undefined ? CONNECTIONS_MAX : Math.min(CONNECTIONS_MAX, Number(files) >> 1)
}

/** With TLS the socket of a request is another object than the one that was accepted; both have the same peer. */
const keyOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`

export class Connections {
  readonly #max: number
  readonly #closed: (reason: ClosedReason) => void
  /** Longest idle first: a connection moves to the end when its answer is out. */
  readonly #connections = new Map<string, Connection>()
  #waiting = 0

  constructor(max: number, closed: (reason: ClosedReason) => void) {
    this.#max = max
    this.#closed = closed
  }

  watch(server: Server): void {
    server.on('connection', (socket: Socket) => this.#accept(socket))
    server.setTimeout(STALLED_MS, (socket) => {
      // With nothing to send, it waits for us (a long query) or is idle, which has a limit of its own.
      if (socket.writableLength > 0) this.#close(socket, 'stalled')
    })
  }

  /** @returns a listener that hands over one request of a connection at a time */
  oneAtATime(handle: RequestListener): RequestListener {
    return (request, response) => {
      const connection = this.#connections.get(keyOf(request.socket))
      // Closed, but its last bytes are still being parsed.
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
    // It went while it was accepted.
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
    // A body that never ends is no work of ours.
    return (idle ?? candidates.find((c) => !c.request!.complete))?.socket ?? newest
  }

  #close(socket: Socket, reason: ClosedReason): void {
    this.#closed(reason)
    socket.destroy()
  }
}
