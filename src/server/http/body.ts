/**
 * Request bodies: JSON, also compressed by gzip. Bodies without a valid key are at most 4 KiB and must not be
 * compressed. All others share two budgets until they are answered: one for bytes as sent, one for decompressed bytes.
 */
import { isAscii } from 'node:buffer'
import type { ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { crc32, gunzip } from 'node:zlib'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { HttpError } from './http.js'

const MiB = 2 ** 20
/** The bound of bodies without a key: sign-in, and unknown paths. */
export const ANONYMOUS_BODY_BYTES_MAX = 4096
export const BODY_BYTES_MAX = MiB
export const DECODED_BYTES_MAX = 64 * MiB
/** Batches of sessions reach about 35. */
const GZIP_RATIO_MAX = 200
/** Bodies up to this size may have a higher ratio, such as small ones of one repeated character. */
const RATIO_FREE_BYTES = 4 * MiB

export const RAW_BUDGET_BYTES = 128 * MiB
export const DECODED_BUDGET_BYTES = 192 * MiB

const unzip = promisify(gunzip)

/**
 * Shares bytes among organisations. An organisation may hold as much as stays free afterwards: one alone holds at most
 * half, n of them 1/(n+1) each. So some bytes are always left for the next organisation.
 */
export class FairBudget {
  readonly #total: number
  #used = 0
  readonly #byOrg = new Map<string, number>()

  constructor(total: number) {
    this.#total = total
  }

  /** @returns whether there was room; if so, release() must follow */
  take(org: string, bytes: number): boolean {
    const mine = this.#byOrg.get(org) ?? 0
    if (mine + bytes > this.#total - this.#used - bytes) return false
    this.#used += bytes
    this.#byOrg.set(org, mine + bytes)
    return true
  }

  release(org: string, bytes: number): void {
    this.#used -= bytes
    const mine = this.#byOrg.get(org)! - bytes
    if (mine > 0) this.#byOrg.set(org, mine)
    else this.#byOrg.delete(org)
  }
}

/** Holds bytes until the request is answered or the client disconnects. @throws HttpError 503 */
function reserve(budget: FairBudget, org: string, response: ServerResponse, bytes: number): void {
  if (!budget.take(org, bytes))
    throw new HttpError(
      503,
      'tooManyBodies',
      'the server is reading too many request bodies; try again',
      { 'retry-after': '1' },
    )
  response.once('close', () => budget.release(org, bytes))
}

export function acceptJson(app: FastifyInstance): void {
  const asSent = new FairBudget(RAW_BUDGET_BYTES)
  const unpacked = new FairBudget(DECODED_BUDGET_BYTES)
  app.decorateRequest('unpacks')
  // onRequest has checked the key, and the body is not read yet.
  app.addHook('preParsing', async (request, { raw: response }) => {
    const { key, headers, routeOptions, params } = request
    if (key === undefined || !hasBody(request)) return
    const org = key.orgId ?? (params as { orgId?: string }).orgId ?? ''
    const limit = routeOptions.bodyLimit ?? BODY_BYTES_MAX
    const length = Number(headers['content-length'] ?? limit)
    if (length <= limit) reserve(asSent, org, response, length)
    request.unpacks = (bytes) => reserve(unpacked, org, response, bytes)
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: Buffer) => {
      const text = await decoded(body, request)
      const { readBody, takesBody } = request.routeOptions.config
      // Many clients name the type of the body that they do not send.
      if (text.length === 0 && takesBody !== true) return undefined
      if (readBody !== undefined) {
        request.bodyCrc = crc32(text)
        request.rawBody = { bytes: body, gzip: body !== text }
      }
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

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
}

async function decoded(body: Buffer, request: FastifyRequest): Promise<Buffer> {
  const encoding = request.headers['content-encoding']?.toLowerCase() ?? 'identity'
  if (encoding === 'identity') return body
  if (encoding !== 'gzip' && encoding !== 'x-gzip')
    throw new HttpError(415, 'badEncoding', `content-encoding "${encoding}" is not known; use gzip`)
  const { unpacks } = request
  if (unpacks === undefined)
    throw new HttpError(
      415,
      'badEncoding',
      'the body of a request without a key must not be compressed',
    )
  const limit = Math.min((request.routeOptions.bodyLimit ?? BODY_BYTES_MAX) * 2, DECODED_BYTES_MAX)
  const most = Math.min(limit, Math.max(RATIO_FREE_BYTES, body.length * GZIP_RATIO_MAX))
  // The size in the gzip trailer is right, except for several gzip members or a forged trailer.
  const said = body.length < 4 ? 0 : body.readUInt32LE(body.length - 4)
  const first = Math.min(Math.max(said, 1), most)
  unpacks(first)
  const text = await gunzipped(body, first)
  if (text !== undefined) return text
  if (first < most) unpacks(most - first)
  const again = first < most ? await gunzipped(body, most) : undefined
  if (again !== undefined) return again
  const why = most < limit ? `, ${GZIP_RATIO_MAX} times its compressed size` : ''
  throw new HttpError(
    413,
    'tooLarge',
    `the body is larger than ${most} bytes when decompressed${why}`,
  )
}

/** @returns undefined if the text is larger than maxOutputLength @throws HttpError 400 */
async function gunzipped(body: Buffer, maxOutputLength: number): Promise<Buffer | undefined> {
  try {
    // Node's default chunk of 16 KiB would make hundreds of chunks of a large batch.
    const chunkSize = Math.min(Math.max(16 * 1024, 8 * body.length), 1024 * 1024)
    return await unzip(body, { maxOutputLength, chunkSize })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined
    throw new HttpError(400, 'badGzip', 'the body is not gzip, or is cut off')
  }
}

declare module 'fastify' {
  interface FastifyContextConfig {
    readBody?: (text: Buffer) => unknown
    takesBody?: boolean
  }
  interface FastifyRequest {
    /** Reserves bytes before decompressing; undefined without a key. @throws HttpError 503 */
    unpacks?: (bytes: number) => void
    /** CRC-32 of the body's text, for routes with readBody. */
    bodyCrc?: number
    /** The body as sent, for routes with readBody. */
    rawBody?: { readonly bytes: Uint8Array; readonly gzip: boolean }
  }
}
