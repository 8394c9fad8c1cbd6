/** Request bodies: JSON, gzip'd or not, bounded before and after decompression. */
import { isAscii } from 'node:buffer'
import { promisify } from 'node:util'
import { crc32, gunzip } from 'node:zlib'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { HttpError } from './http.js'

/** Ratio of JSON to its gzip beyond which a body is refused: session batches reach about 20. */
export const BODY_BYTES_MAX = 1024 * 1024
export const DECODED_BYTES_MAX = 64 * 1024 * 1024
const unzip = promisify(gunzip)

export function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: Buffer) => {
      const encoding = request.headers['content-encoding'] ?? 'identity'
      const limit = request.routeOptions.bodyLimit ?? BODY_BYTES_MAX
      const text = await decoded(body, encoding, Math.min(limit * 2, DECODED_BYTES_MAX))
      const { readBody } = request.routeOptions.config
      if (readBody !== undefined) request.bodyCrc = crc32(text)
      const read = readBody?.(text)
      if (read !== undefined) return read
      try {
        return JSON.parse(text.toString(isAscii(text) ? 'latin1' : 'utf8')) as unknown
      } catch (error) {
        throw new HttpError(
          400,
          'badJson',
          `the body is not JSON: ${(error as Error).message.slice(0, 120)}`,
        )
      }
    },
  )
}

async function decoded(body: Buffer, encoding: string, maxOutputLength: number): Promise<Buffer> {
  if (encoding === 'identity') return body
  if (encoding !== 'gzip')
    throw new HttpError(415, 'badEncoding', `content-encoding "${encoding}" is not known; use gzip`)
  try {
    // Node's own 16 KiB a piece would be hundreds of pieces for a large batch.
    const chunkSize = Math.min(Math.max(16 * 1024, 8 * body.length), 1024 * 1024)
    return await unzip(body, { maxOutputLength, chunkSize })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new HttpError(
        413,
        'tooLarge',
        `the body is larger than ${maxOutputLength} bytes when decompressed`,
      )
    }
    throw new HttpError(400, 'badGzip', 'the body is not gzip, or is cut off')
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    /** CRC-32 of the body's text, of routes that read it themselves. */
    bodyCrc?: number
  }
  interface FastifyContextConfig {
    readBody?: (text: Buffer) => unknown
  }
}
