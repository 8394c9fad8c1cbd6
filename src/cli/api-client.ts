/** Shared by the commands that talk to a server: options, key, and requests in the API's envelope. */
import type { PeerCertificate } from 'node:tls'
import { Agent, buildConnector, fetch, type RequestInit, type Response } from 'undici'
import { secretText, text, textOr, toggle } from '../base/config.js'
import { AppError, EXIT, networkFault } from '../base/errors.js'
import { KEY_FILE, readKey } from '../base/key-file.js'
import { readAuthorities } from '../base/pem-files.js'
import { ALLOW_PLAIN_HTTP_HELP, refusePlainHttp } from '../base/plain-http.js'
import { printable } from '../base/printable.js'

export const SERVER_OPTIONS = {
  server: textOr("The server's base URL.", 'URL', 'http://127.0.0.1:8480'),
  key: secretText('Key.', 'KEY'),
  keyFile: KEY_FILE,
  caFile: text('Trust this certificate authority (PEM) instead of the system’s.', 'FILE'),
  allowPlainHttp: toggle(ALLOW_PLAIN_HTTP_HELP),
  org: text("Organisation. Default: the key's.", 'ORG'),
}

interface ServerOptions {
  readonly server: string
  readonly key: string | undefined
  readonly keyFile: string | undefined
  readonly caFile: string | undefined
  readonly allowPlainHttp: boolean
  readonly org: string | undefined
}

/** How a client checks the server's certificate: by authorities, or by its fingerprint. */
export interface Trust {
  readonly ca?: string
  readonly fingerprint?: string
}

const CONNECT_MS_MAX = 10_000
const KEEP_ALIVE_MS = 60_000

/**
 * Answers have no time limit, because a backup answers when it is complete, and a large export when its rows are sorted.
 * TCP keep-alive finds a server that has disappeared.
 */
function agentFor({ ca, fingerprint }: Trust): Agent {
  const pinned = fingerprint !== undefined
  const connect = buildConnector({
    timeout: CONNECT_MS_MAX,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
    ...(ca !== undefined && { ca }),
    ...(pinned && { rejectUnauthorized: false }),
  })
  return new Agent({
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (options, done) =>
      connect(options, (error, socket) => {
        if (error !== null) return done(error, null)
        const { getPeerCertificate } = socket as { getPeerCertificate?: () => PeerCertificate }
        if (!pinned || getPeerCertificate?.call(socket).fingerprint256 === fingerprint)
          return done(null, socket)
        socket.destroy()
        done(new Error('its certificate is not the one in server.json'), null)
      }),
  })
}

interface Refusal {
  readonly message?: string
  readonly code?: string
  readonly data?: { readonly sessions?: unknown } | null
}

function hintForAway(base: string, fault: string): string {
  if (/certificate/.test(fault) && !fault.includes('server.json'))
    return "Give the file of the certificate's authority (--ca-file), and a name of the certificate in the address."
  if (base.startsWith('http://') && fault === 'other side closed')
    return 'Does it expect TLS? Then its address begins with https://.'
  return 'Is the server running, and is this its address?'
}

function hintFor(status: number, { code, data }: Refusal): { hint: string } | undefined {
  if (code === 'confirmNeeded') return { hint: `Give --confirm ${Number(data?.sessions)}.` }
  if (status === 401 || code === 'forbidden')
    return {
      hint: 'On the server, tunmeter keys list shows its keys, and tunmeter keys create makes one.',
    }
  return undefined
}

export class ApiClient {
  readonly #base: string
  readonly #key: string
  readonly #agent: Agent

  constructor(base: string, key: string, trust: Trust = {}) {
    if (!URL.canParse(base)) {
      throw new AppError('BAD_URL', `${JSON.stringify(base)} is not a URL`, {
        hint: 'Write it as in https://logs.example.org or http://127.0.0.1:8480.',
        exitCode: EXIT.usage,
      })
    }
    this.#base = base.replace(/\/+$/, '')
    this.#key = key
    this.#agent = agentFor(trust)
  }

  /** @throws AppError SERVER_AWAY, SERVER_REFUSED */
  async open(
    path: string,
    init: RequestInit & { headers?: Record<string, string> } = {},
  ): Promise<Response> {
    let response: Response
    try {
      response = await fetch(`${this.#base}${path}`, {
        ...init,
        dispatcher: this.#agent,
        headers: { authorization: `Bearer ${this.#key}`, ...init.headers },
      })
    } catch (error) {
      const fault = networkFault(error)
      throw new AppError('SERVER_AWAY', `cannot reach ${this.#base}: ${fault}`, {
        hint: hintForAway(this.#base, fault),
        cause: error,
      })
    }
    if (response.ok || response.status === 304) return response
    const body = ((await response.json().catch(() => null)) ?? {}) as Refusal
    throw new AppError(
      'SERVER_REFUSED',
      `${this.#base} answers ${response.status}: ${printable(String(body.message ?? 'no reason given'))}`,
      {
        facts: { status: response.status },
        ...hintFor(response.status, body),
      },
    )
  }

  async get<T>(path: string): Promise<T> {
    return ((await (await this.open(path)).json()) as { data: T }).data
  }

  async send<T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    const response = await this.open(path, {
      method,
      headers: { ...type, ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return ((await response.json()) as { data: T }).data
  }
}

/** The API's path of an organisation. */
export function orgPath(org: string): string {
  return `/api/v1/org/${encodeURIComponent(org)}`
}

/** The API client of these options, and the organisation: that of --org, else that of the key. */
export async function connect(options: ServerOptions): Promise<{ api: ApiClient; org: string }> {
  const trust =
    options.caFile === undefined ? {} : { ca: readAuthorities('--ca-file', options.caFile) }
  const api = new ApiClient(options.server, readKey(options), trust)
  refusePlainHttp('--server', new URL(options.server), options.allowPlainHttp)
  if (options.org !== undefined) return { api, org: options.org }
  const { orgId } = await api.get<{ orgId: string | null }>('/api/v1/key')
  if (orgId === null)
    throw new AppError('NO_ORG', 'a root key belongs to no organisation', {
      hint: 'Give --org.',
      exitCode: EXIT.usage,
    })
  return { api, org: orgId }
}
