/** Long answers: compression, and connections that are cut or stall. */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { TLSSocket } from 'node:tls'
import type { FastifyReply } from 'fastify'

/** RFC 9110, 12.5.3: the client refuses a coding of weight 0. */
export function takesGzip(acceptEncoding: string | undefined): boolean {
  const named = (acceptEncoding ?? '')
    .toLowerCase()
    .split(',')
    .map((part) => part.split(';').map((text) => text.trim()))
    .find(([coding]) => coding === 'gzip' || coding === 'x-gzip')
  return named !== undefined && !named.slice(1).some((weight) => /^q=0(?:\.0*)?$/.test(weight))
}

/**
 * Makes a cut answer visible to HTTP/1.0, which has no chunks: the end of the connection ends the answer, so a cut one
 * looks complete. If the connection is destroyed before the answer is sent (its stream failed, or the server stops), it
 * is reset, and the client sees an error. A destroyed TLS socket still ends regularly, so the socket below is reset.
 */
export function resetWhenCut(response: ServerResponse): void {
  const { socket } = response
  if (socket === null || response.req.httpVersion !== '1.0') return
  const destroy = socket.destroy.bind(socket)
  socket.destroy = (error) => {
    socket.destroy = destroy
    if (response.writableFinished || socket.destroyed) return destroy(error)
    // resetAndDestroy() calls destroySoon(), which would first send the waiting bytes and a regular end.
    socket.destroySoon = () => destroy(error)
    const below = belowTls(socket)
    if (below === undefined) return socket.resetAndDestroy()
    below.resetAndDestroy()
    return destroy(error)
  }
}

/** Node has no public name for the socket below TLS. A test checks that this one exists. */
function belowTls(socket: Socket): Socket | undefined {
  return socket instanceof TLSSocket
    ? (socket as unknown as { _parent: Socket })._parent
    : undefined
}

/** Closes the connection if the client reads none of the waiting bytes for `ms`. */
export function cutWhenStalled(response: ServerResponse, ms: number, cut: () => void): void {
  response.setTimeout(ms, () => {
    // Nothing waits for the client: the server is still reading rows.
    if (!response.writableNeedDrain) response.setTimeout(ms)
    else {
      cut()
      response.destroy()
    }
  })
}

/** 5 min. A client that reads nothing blocks an export that others may wait for. */
const STALLED_MS_MAX = 5 * 60_000

/** Sends a long answer. The client notices a cut, and the server ends it when the client stops reading. */
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
