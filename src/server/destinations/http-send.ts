/**
 * Sends one request to a receiver: to a checked address, without redirects, with limits for the time and the answer.
 */
import { promisify } from 'node:util'
import { gzip, type ZlibOptions } from 'node:zlib'
import { Agent, request } from 'undici'
import { networkFault } from '../../base/errors.js'
import { checkUrl, type GuardOptions, guardedLookup, NotAllowed } from './guard.js'
import { type Outcome, outcomeOf, shown, type WholeAnswer } from './outcome.js'
import { tlsFault } from './tls-fault.js'

export const ATTEMPT_MS_MAX = 30_000
const ANSWER_BYTES_MAX = 64 * 1024
const CONNECT_MS_MAX = 10_000
/** Interim answers (1xx) to one request. A receiver could send them without end, and each costs CPU. */
const INTERIM_MAX = 16

/** A sixth more bytes than with zlib's own level 6, for half of the time. */
const GZIP_LEVEL = 3

const pack = promisify<Buffer, ZlibOptions, Buffer>(gzip)

export interface HttpRequest {
  readonly method: 'POST' | 'PUT'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Keeps its connection open between attempts. */
export class HttpSender {
  readonly #guard: GuardOptions
  readonly #agent: Agent

  /** @param ca authorities (PEM) that are trusted in place of the system's */
  constructor(guard: GuardOptions, ca: string | undefined) {
    this.#guard = guard
    this.#agent = new Agent({
      connections: 1,
      connect: {
        timeout: CONNECT_MS_MAX,
        lookup: guardedLookup(guard),
        ...(ca !== undefined && { ca }),
      },
    })
  }

  /** @param read turns the answer into an outcome; by default from the status alone */
  async send(
    given: HttpRequest,
    signal: AbortSignal,
    read: (answer: WholeAnswer) => Outcome = (answer) => outcomeOf(answer, Date.now()),
    answerBytesMax = ANSWER_BYTES_MAX,
  ): Promise<Outcome> {
    const flood = new AbortController()
    let interim = 0
    try {
      checkUrl(given.url, this.#guard)
      const { statusCode, headers, body } = await request(given.url, {
        method: given.method,
        headers: given.headers,
        body: given.body,
        dispatcher: this.#agent,
        signal: AbortSignal.any([signal, flood.signal, AbortSignal.timeout(ATTEMPT_MS_MAX)]),
        onInfo: () => {
          if (++interim > INTERIM_MAX)
            flood.abort(new Error('the receiver sends interim answers without end'))
        },
      })
      const chunks: Buffer[] = []
      let bytes = 0
      for await (const chunk of body as AsyncIterable<Buffer>) {
        chunks.push(chunk)
        bytes += chunk.length
        // Leaving the loop closes the connection, so a longer answer is not read to its end.
        if (bytes > answerBytesMax) break
      }
      const whole = Buffer.concat(chunks)
      const isWhole = bytes <= answerBytesMax
      const retryAfter = headers['retry-after']
      return read({
        ...{ status: statusCode, bytes: whole, isWhole },
        text: whole.toString('utf8'),
        retryAfter: [retryAfter].flat()[0],
      })
    } catch (error) {
      return failureOf(error)
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}

/** A POST of `plain`, compressed with gzip if the destination asks for it. `headers` override the common ones. */
export async function postOf(
  url: URL,
  plain: Buffer,
  { gzip: packs, headers }: { gzip: boolean; headers: Readonly<Record<string, string>> },
): Promise<HttpRequest> {
  return {
    method: 'POST',
    url,
    headers: {
      'user-agent': 'tunmeter',
      ...(packs && { 'content-encoding': 'gzip' }),
      ...headers,
    },
    body: packs ? await pack(plain, { level: GZIP_LEVEL }) : plain,
  }
}

/** The outcome of a connection that failed or was lost. */
export function failureOf(error: unknown): Outcome {
  const refused = error instanceof NotAllowed ? error : (error as { cause?: unknown }).cause
  if (refused instanceof NotAllowed)
    return { kind: 'blocked', status: null, text: shown(refused.message) }
  return { kind: 'later', status: null, text: shown(tlsFault(error) ?? networkFault(error)) }
}
