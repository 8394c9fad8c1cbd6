/** The HTTP client for one server: the key's owner, batches, the catalog and the completeness. */
import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { buildConnector, Dispatcher } from 'undici'
import { z } from 'zod'
import { AppError, networkFault } from '../../base/errors.js'
import { printable } from '../../base/printable.js'
import { CATALOG_BYTES_MAX, ORG_ID, SITE_ID_MAX } from '../../session/bounds.js'
import { type Answer, judge, parseEnvelope, type Verdict } from './answer.js'

export interface ServerOptions {
  /** Base of the server, without `/api/v1`. */
  readonly url: string
  readonly key: string
  /** PEM texts. */
  readonly ca?: string | undefined
  readonly clientCert?: string | undefined
  readonly clientKey?: string | undefined
  /** Undefined: HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment apply. */
  readonly proxy?: string | undefined
  readonly answerTimeoutMs?: number
}

export interface Site {
  /** Matches ORG_ID, because paths contain it unescaped. */
  readonly orgId: string
  readonly siteId: number
}

/** The key's site. `denied`: the server does not know the key, or the key is not for a site. */
export type WhoAmI =
  | {
      readonly kind: 'site'
      readonly site: Site
      /** The organisation's retention; null when the server does not report it. */
      readonly retentionDays: number | null
      readonly serverTimeMs: number | null
    }
  | { readonly kind: 'denied'; readonly message: string }
  | { readonly kind: 'away'; readonly message: string }

export interface ServerCatalog {
  readonly etag: string | null
  readonly content: unknown
}

const pack = promisify(gzip)

export const CONNECTIONS_MAX = 2
const CONNECT_TIMEOUT_MS = 10_000
const CLOSE_WAIT_MS = 500
/** For the whole request, because a server that sends one byte a second is as good as away. */
const ANSWER_TIMEOUT_MS = 60_000
/** A receipt with BATCH_SESSIONS_MAX refused sessions and their reasons is shorter. */
const ANSWER_BYTES_MAX = 1024 * 1024
/** Lists and objects in an answer, bounded because JSON takes 2 bytes for an object. A full catalog has 500,000. */
const ANSWER_OBJECTS_MAX = 1_000_000

const keySchema = z.object({
  scope: z.string().max(64),
  orgId: z.string().regex(ORG_ID).nullish(),
  siteId: z.int().min(1).max(SITE_ID_MAX).nullish(),
  retentionDays: z.int().nullish(),
  serverTime: z.iso.datetime().nullish(),
})

const SENTENCE_BYTES_MAX = 1024
const completenessSchema = z.object({
  complete: z.boolean(),
  sentence: z.string().transform((text) => printable(text, SENTENCE_BYTES_MAX)),
})

const NOT_A_KEY = 'HTTP 200, but it does not say whose the key is: is this a tunmeter server?'

/** Characters that a header may hold. With any other ETag the meter requests the whole catalog each time. */
const ETAG = /^[\x21-\x7e]{1,256}$/

interface RequestParts {
  readonly body?: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  /** Aborts the request. */
  readonly signal?: AbortSignal | undefined
  /** Bound of the answer's body. */
  readonly bytesMax?: number
}

export class Connection {
  readonly url: string
  readonly #options: ServerOptions
  readonly #dispatcher: Dispatcher
  readonly #closing = new AbortController()
  /** Connecting sockets. Each keeps the process alive, and undici destroys them only after CONNECT_TIMEOUT_MS. */
  readonly #connecting: Set<Socket>
  #key: string

  private constructor(options: ServerOptions, dispatcher: Dispatcher, sockets: Set<Socket>) {
    this.url = options.url.replace(/\/+$/, '')
    this.#options = options
    this.#dispatcher = dispatcher
    this.#connecting = sockets
    this.#key = options.key
  }

  static async open(options: ServerOptions): Promise<Connection> {
    const connecting = new Set<Socket>()
    return new Connection(options, await makeDispatcher(options, connecting), connecting)
  }

  /** SHA-256 of the key, which tells a remembered answer from that for another key. */
  get keyHash(): string {
    return createHash('sha256').update(this.#key).digest('hex')
  }

  /** Applies from the next request on (SIGHUP). */
  setKey(key: string): void {
    this.#key = key
  }

  async whoAmI(): Promise<WhoAmI> {
    let answer: Answer
    try {
      answer = await this.#request('GET', '/api/v1/key')
    } catch (error) {
      return { kind: 'away', message: networkFault(error) }
    }
    const envelope = parseEnvelope(answer.text)
    const said = `HTTP ${answer.status}${envelope?.message ? `: ${envelope.message}` : ''}`
    if ([401, 403, 404].includes(answer.status)) return { kind: 'denied', message: said }
    const key = keySchema.safeParse(envelope?.data)
    if (answer.status !== 200) return { kind: 'away', message: said }
    if (!key.success) return { kind: 'away', message: NOT_A_KEY }
    const { scope, orgId, siteId, retentionDays = null, serverTime } = key.data
    if (scope !== 'ingest' || orgId == null || siteId == null) {
      return {
        kind: 'denied',
        message: `the key has the scope ${scope}; a meter needs one for ingest`,
      }
    }
    const serverTimeMs = serverTime == null ? null : Date.parse(serverTime)
    return { kind: 'site', site: { orgId, siteId }, retentionDays, serverTimeMs }
  }

  /**
   * The answer with the site's catalog; null when the catalog still has this `etag`, or the request fails.
   *
   * @throws AppError CATALOG_TOO_LARGE
   */
  async catalogText(
    site: Site,
    etag: string | null,
    {
      signal,
      bytesMax = CATALOG_BYTES_MAX,
    }: { signal?: AbortSignal | undefined; bytesMax?: number } = {},
  ): Promise<{ readonly etag: string | null; readonly text: string } | null> {
    const path = `/api/v1/org/${site.orgId}/catalog`
    try {
      const headers = etag === null ? {} : { 'if-none-match': etag }
      const answer = await this.#request('GET', path, { headers, signal, bytesMax })
      if (answer.status !== 200) return null
      const received = answer.etag ?? ''
      return { etag: ETAG.test(received) ? received : null, text: answer.text }
    } catch (error) {
      if (error instanceof AnswerTooLong)
        throw new AppError('CATALOG_TOO_LARGE', `the server’s catalog: ${error.message}`, {
          hint: 'Raise --catalog-max, or make the catalog smaller.',
        })
      // Not reported: names are a convenience, and sending batches shows that the server is away.
      return null
    }
  }

  /** The site's catalog, unwrapped from the answer's envelope. */
  async catalog(site: Site, etag: string | null): Promise<ServerCatalog | null> {
    const answer = await this.catalogText(site, etag)
    const envelope = answer === null ? null : parseEnvelope(answer.text)
    if (answer === null || envelope?.success !== true) return null
    return { etag: answer.etag, content: envelope.data }
  }

  /** Whether the site's log is complete since `sinceMs`, also as a sentence; null when the server gives no answer. */
  async completeness(
    { orgId, siteId }: Site,
    sinceMs: number,
  ): Promise<{ complete: boolean; sentence: string } | null> {
    const since = encodeURIComponent(new Date(sinceMs).toISOString())
    const path = `/api/v1/org/${orgId}/completeness?timeStart=${since}&siteId=${siteId}`
    try {
      const answer = await this.#request('GET', path)
      const envelope = answer.status === 200 ? parseEnvelope(answer.text) : null
      const said = completenessSchema.safeParse(envelope?.data)
      return said.success ? said.data : null
    } catch {
      return null
    }
  }

  async send(site: Site, batch: number, body: Uint8Array): Promise<Verdict> {
    const path = `/api/v1/org/${site.orgId}/site/${site.siteId}/sessions`
    try {
      return judge(await this.#request('POST', path, { body }), batch, Date.now())
    } catch (error) {
      return { kind: 'away', message: networkFault(error), retryAfterMs: 0 }
    }
  }

  /** Sends sessions of Newt’s own log. @returns the answer, or the reason why there is none */
  async sendAccessLog(site: Site, content: object): Promise<Answer | string> {
    const path = `/api/v1/org/${site.orgId}/site/${site.siteId}/access-log`
    try {
      return await this.#request('POST', path, { body: await pack(JSON.stringify(content)) })
    } catch (error) {
      return networkFault(error)
    }
  }

  /** Aborts requests in flight. Waits at most CLOSE_WAIT_MS, because a proxy may not close its connection. */
  async close(): Promise<void> {
    this.#closing.abort()
    for (const socket of this.#connecting) socket.destroy()
    const destroyed = this.#dispatcher.destroy().catch(() => undefined)
    await Promise.race([destroyed, sleep(CLOSE_WAIT_MS, undefined, { ref: false })])
  }

  async #request(
    method: 'GET' | 'POST',
    path: string,
    { body, headers, signal, bytesMax = ANSWER_BYTES_MAX }: RequestParts = {},
  ): Promise<Answer & { etag: string | undefined }> {
    const { request } = await import('undici')
    const timeoutMs = this.#options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS
    const answer = await request(`${this.url}${path}`, {
      method,
      dispatcher: this.#dispatcher,
      headers: {
        ...headers,
        authorization: `Bearer ${this.#key}`,
        ...(body && { 'content-type': 'application/json', 'content-encoding': 'gzip' }),
      },
      body: body ?? null,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      signal: AbortSignal.any([
        AbortSignal.timeout(timeoutMs),
        this.#closing.signal,
        ...(signal === undefined ? [] : [signal]),
      ]),
    })
    const header = (name: string): string | undefined => [answer.headers[name]].flat()[0]
    return {
      status: answer.statusCode,
      retryAfter: header('retry-after'),
      etag: header('etag'),
      text: await readBounded(answer.body, bytesMax),
    }
  }
}

class AnswerTooLong extends Error {}

async function readBounded(
  body: Dispatcher.ResponseData['body'],
  bytesMax: number,
): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  let objects = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bytesMax)
      throw new AnswerTooLong(`the answer is longer than ${bytesMax / 2 ** 20} MiB`)
    objects += openingsIn(chunk)
    if (objects > ANSWER_OBJECTS_MAX)
      throw new AnswerTooLong(`the answer has more than ${ANSWER_OBJECTS_MAX} lists and objects`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Counts `{` and `[`, also those inside strings. */
function openingsIn(chunk: Uint8Array): number {
  let count = 0
  for (const byte of chunk) if (byte === 0x7b || byte === 0x5b) count++
  return count
}

async function makeDispatcher(
  options: ServerOptions,
  connecting: Set<Socket>,
): Promise<Dispatcher> {
  const { Agent, buildConnector, EnvHttpProxyAgent, ProxyAgent } = await import('undici')
  const tls = {
    ...(options.ca !== undefined && { ca: options.ca }),
    ...(options.clientCert !== undefined && { cert: options.clientCert }),
    ...(options.clientKey !== undefined && { key: options.clientKey }),
  }
  const pool = {
    connections: CONNECTIONS_MAX,
    pipelining: 1,
    connect: { timeout: CONNECT_TIMEOUT_MS, ...tls },
    keepAliveTimeout: 30_000,
  }
  if (options.proxy !== undefined) {
    return new ProxyAgent({ ...pool, uri: options.proxy, requestTls: tls })
  }
  const { env } = process
  const proxied = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].some((n) => env[n])
  if (proxied) return new EnvHttpProxyAgent({ ...pool, requestTls: tls })
  const connector = buildConnector(pool.connect) as (
    ...args: Parameters<buildConnector.connector>
  ) => Socket
  const connect: buildConnector.connector = (where, done) => {
    const socket = connector(where, (...result) => {
      connecting.delete(socket)
      done(...result)
    })
    connecting.add(socket)
    socket.once('close', () => connecting.delete(socket))
  }
  return new Agent({ ...pool, connect })
}
