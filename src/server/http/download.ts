/** Long answers: how they may be packed, and who does not take them. */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { TLSSocket } from 'node:tls'
import type { FastifyReply } from 'fastify'

/** RFC 9110, 12.5.3: what has a weight of 0 is refused. */
export function takesGzip(acceptEncoding: string | undefined): boolean {
  const named = (acceptEncoding ?? '')
    .toLowerCase()
    .split(',')
    .map((part) => part.split(';').map((text) => text.trim()))
    .find(([coding]) => coding === 'gzip' || coding === 'x-gzip')
  return named !== undefined && !named.slice(1).some((weight) => /^q=0(?:\.0*)?$/.test(weight))
}

/**
 * To HTTP/1.0 there are no chunks: an answer ends with its connection, and one that is cut looks whole. Whoever destroys
 * the connection before the answer is out (its stream's failure, the end of the server) resets it, so that the client sees
 * an error. TLS says goodbye when it is destroyed, too, so the connection below it is reset.
 */
export function resetWhenCut(response: ServerResponse): void {
  const { socket } = response
  if (socket === null || response.req.httpVersion !== '1.0') return
  const destroy = socket.destroy.bind(socket)
  socket.destroy = (error) => {
    socket.destroy = destroy
    if (response.writableFinished || socket.destroyed) return destroy(error)
    // A reset is made by the latter, which would first send what waits, and a regular end.
    socket.destroySoon = () => destroy(error)
    const below = belowTls(socket)
    if (below === undefined) return socket.resetAndDestroy()
    below.resetAndDestroy()
    return destroy(error)
  }
}

/** Node has it, but no public name for it; a test sees that it is there. */
function belowTls(socket: Socket): Socket | undefined {
  return socket instanceof TLSSocket
    ? (socket as unknown as { _parent: Socket })._parent
    : undefined
}

/** Closes its connection when the other side has taken nothing of it for so long, though there is something. */
export function cutWhenStalled(response: ServerResponse, ms: number, cut: () => void): void {
  response.setTimeout(ms, () => {
    // It is we who have nothing to send yet: look again later.
    if (!response.writableNeedDrain) response.setTimeout(ms)
    else {
      cut()
      response.destroy()
    }
  })
}

/** A client that takes nothing for so long holds an export that others wait for. */
const STALLED_MS_MAX = 5 * 60_000

/** Sends a long answer that shows when it was cut, and that ends when its client takes nothing of it. */
export async function sendLong(
  reply: FastifyReply,
  headers: Readonly<Record<string, string>>,
  stream: Readable,
  stalled: () => void,
): Promise<void> {
  resetWhenCut(reply.raw)
  cutWhenStalled(reply.raw, STALLED_MS_MAX, stalled)
  await reply.headers(headers).send(stream)
}
