/** One request to a receiver: to an address that was checked, without redirects, with a bound on time and answer. */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { Agent, request } from 'undici'
import { networkFault } from '../../base/errors.js'
import { checkUrl, type GuardOptions, guardedLookup, NotAllowed } from './guard.js'
import { type Outcome, outcomeOf, shown, type WholeAnswer } from './outcome.js'

export const ATTEMPT_MS_MAX = 30_000
const ANSWER_BYTES_MAX = 64 * 1024
const CONNECT_MS_MAX = 10_000

const pack = promisify(gzip)

export interface HttpRequest {
  readonly method: 'POST' | 'PUT'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** How receivers are reached; its connections are kept between attempts. */
export class HttpSender {
  readonly #guard: GuardOptions
  readonly #agent: Agent

  /** @param ca further authority to trust, PEM */
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

  /** @param read what the answer means; by its status alone, where nothing else is known */
  async send(
    given: HttpRequest,
    signal: AbortSignal,
    read: (answer: WholeAnswer) => Outcome = (answer) => outcomeOf(answer, Date.now()),
    answerBytesMax = ANSWER_BYTES_MAX,
  ): Promise<Outcome> {
    try {
      checkUrl(given.url, this.#guard)
      const { statusCode, headers, body } = await request(given.url, {
        method: given.method,
        headers: given.headers,
        body: given.body,
        dispatcher: this.#agent,
        signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS_MAX)]),
      })
      const chunks: Buffer[] = []
      let bytes = 0
      for await (const chunk of body as AsyncIterable<Buffer>) {
        chunks.push(chunk)
        bytes += chunk.length
        // Leaving the loop closes the connection: who sends more than this is not read to the end.
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

/** A POST of `plain`, gzip'd where the destination wants it; `headers` stand over those of every request. */
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
    body: packs ? await pack(plain) : plain,
  }
}

/** Of a connection that could not be made, or was lost. */
export function failureOf(error: unknown): Outcome {
  const refused = error instanceof NotAllowed ? error : (error as { cause?: unknown }).cause
  if (refused instanceof NotAllowed)
    return { kind: 'blocked', status: null, text: shown(refused.message) }
  return { kind: 'later', status: null, text: shown(networkFault(error)) }
}
