/**
 * Compresses answers by gzip for clients that accept it. Bounds:
 *
 *   which     answers to GET and HEAD with a key. Texts for requests without a key are compressed once, at their first
 *             request. Answers with a secret (a new key) are to POST, and stay plain: their sizes would reveal it.
 *   size      PACKED_BYTES_MIN (1 KiB) to PACKED_BYTES_MAX (4 MiB); compressing smaller ones saves nothing.
 *   at once   PACKING_MAX (2), on other threads. Further answers are sent plain, so no answer waits for another.
 *
 * Exports compress themselves (export.ts), assets are compressed when they are built (dashboard.ts).
 */
import { promisify } from 'node:util'
import { constants, gzip, gzipSync } from 'node:zlib'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { takesGzip } from './download.js'

export const PACKED_BYTES_MIN = 1024
export const PACKED_BYTES_MAX = 4 * 2 ** 20
/** Half of libuv's 4 threads, because file access and name lookups need them too. */
export const PACKING_MAX = 2
/** A fast level is nearly as good as the best one, because rows are alike. */
const LEVEL = 4

const pack = promisify(gzip)

/** Compresses all later JSON answers. */
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
    // A strong ETag names exactly these bytes.
    !reply.hasHeader('etag')
  )
}

type SendText = (request: FastifyRequest, reply: FastifyReply) => FastifyReply

/** Serves a text without a key. */
export function serveText(
  app: FastifyInstance,
  path: string,
  type: string,
  make: () => string,
): void {
  app.get(path, textSender(type, make))
}

/** Sends a text that is made and compressed once, because strangers' requests must cost nothing. */
export function textSender(type: string, make: () => string): SendText {
  let made: { readonly plain: Buffer; readonly packed: Buffer } | undefined
  const both = () => {
    const plain = Buffer.from(make())
    return { plain, packed: gzipSync(plain, { level: constants.Z_BEST_COMPRESSION }) }
  }
  return (request, reply) => {
    made ??= both()
    reply.type(type).header('vary', 'accept-encoding')
    if (!takesGzip(request.headers['accept-encoding'])) return reply.send(made.plain)
    return reply.header('content-encoding', 'gzip').send(made.packed)
  }
}
