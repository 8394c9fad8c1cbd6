/**
 * Packed answers (gzip) for whoever takes them. What that may cost is bounded:
 *
 *   who    answers to a key, by GET and HEAD. Texts for strangers are packed once, at the start; an answer that holds
 *          a secret (a new key) answers a POST, and is not packed: sizes would tell of it.
 *   size   from PACKED_BYTES_MIN, below which nothing is won, to PACKED_BYTES_MAX.
 *   at once PACKING_MAX, beside the main thread. One more is sent as it is: nobody's answer waits for another's.
 *
 * Exports pack themselves as they go (export.ts), assets are packed when they are built (dashboard.ts).
 */
import { promisify } from 'node:util'
import { constants, gzip, gzipSync } from 'node:zlib'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { takesGzip } from './download.js'

export const PACKED_BYTES_MIN = 1024
export const PACKED_BYTES_MAX = 4 * 2 ** 20
/** Half of libuv's threads, which files and names need, too. */
export const PACKING_MAX = 2
/** Rows are alike: a quick level finds nearly all of it. */
const LEVEL = 4

const pack = promisify(gzip)

/** Packs answers of JSON that are sent from now on. */
export function packAnswers(app: FastifyInstance): void {
  let packing = 0
  app.addHook('onSend', async (request, reply, payload) => {
    if (!isPackable(request, reply, payload)) return payload
    reply.header('vary', 'accept-encoding')
    const size = Buffer.byteLength(payload)
    if (size < PACKED_BYTES_MIN || size > PACKED_BYTES_MAX || packing >= PACKING_MAX) return payload
    if (!takesGzip(request.headers['accept-encoding'])) return payload
    packing++
    try {
      const packed = await pack(payload, { level: LEVEL })
      reply.header('content-encoding', 'gzip').removeHeader('content-length')
      return packed
    } finally {
      packing--
    }
  })
}

function isPackable(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): payload is string {
  return (
    typeof payload === 'string' &&
    request.key !== undefined &&
    (request.method === 'GET' || request.method === 'HEAD') &&
    reply.statusCode === 200 &&
    !reply.hasHeader('content-encoding') &&
    // It names these bytes, and not others that say the same.
    !reply.hasHeader('etag')
  )
}

/** Packed once: an answer to a stranger must not cost a copy of the text, nor the work. */
export function serveText(
  app: FastifyInstance,
  path: string,
  type: string,
  make: () => string,
): void {
  let made: { readonly plain: Buffer; readonly packed: Buffer } | undefined
  const both = () => {
    const plain = Buffer.from(make())
    return { plain, packed: gzipSync(plain, { level: constants.Z_BEST_COMPRESSION }) }
  }
  app.get(path, (request, reply) => {
    made ??= both()
    reply.type(type).header('vary', 'accept-encoding')
    if (!takesGzip(request.headers['accept-encoding'])) return reply.send(made.plain)
    return reply.header('content-encoding', 'gzip').send(made.packed)
  })
}
