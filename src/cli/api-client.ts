/** What commands that talk to a server share: its options, the key, requests in the envelope. */
import { readFileSync, statSync } from 'node:fs'
import { secretText, text, textOr } from '../base/config.js'
import type { CommandContext } from '../base/context.js'
import { AppError, EXIT, messageOf, networkFault } from '../base/errors.js'

export const SERVER_OPTIONS = {
  server: textOr("The server's base URL.", 'URL', 'http://127.0.0.1:8480'),
  key: secretText('Key.', 'KEY'),
  keyFile: text('File that holds the key; only its owner may read it.', 'FILE'),
  org: text("Organisation. Default: the key's.", 'ORG'),
}

interface ServerOptions {
  readonly server: string
  readonly key: string | undefined
  readonly keyFile: string | undefined
  readonly org: string | undefined
}

/** @throws AppError KEY_FILE, NO_KEY */
export function readKey(options: Pick<ServerOptions, 'key' | 'keyFile'>): string {
  const { key, keyFile } = options
  if (key !== undefined) return key
  if (keyFile === undefined) {
    throw new AppError('NO_KEY', 'a key is needed', {
      hint: 'Give it by TUNMETER_KEY, --key-file or --key.',
      exitCode: EXIT.usage,
    })
  }
  try {
    if ((statSync(keyFile).mode & 0o077) !== 0) {
      throw new AppError('KEY_FILE', `${keyFile} can be read by others`, {
        hint: `chmod 600 ${keyFile}`,
      })
    }
    return readFileSync(keyFile, 'utf8').trim()
  } catch (error) {
    if (error instanceof AppError) throw error
    throw new AppError('KEY_FILE', `cannot read ${keyFile}: ${messageOf(error)}`)
  }
}

export class ApiClient {
  readonly #base: string
  readonly #key: string

  constructor(base: string, key: string) {
    if (!URL.canParse(base)) {
      throw new AppError('BAD_URL', `${JSON.stringify(base)} is not a URL`, {
        exitCode: EXIT.usage,
      })
    }
    this.#base = base.replace(/\/+$/, '')
    this.#key = key
  }

  /** @throws AppError SERVER_AWAY, SERVER_REFUSED */
  async open(path: string, init: RequestInit = {}): Promise<Response> {
    let response: Response
    try {
      response = await fetch(`${this.#base}${path}`, {
        ...init,
        headers: { authorization: `Bearer ${this.#key}`, ...init.headers },
      })
    } catch (error) {
      throw new AppError('SERVER_AWAY', `cannot reach ${this.#base}: ${networkFault(error)}`, {
        hint: 'Is the server running, and is this its address?',
        cause: error,
      })
    }
    if (response.ok || response.status === 304) return response
    const body = (await response.json().catch(() => null)) as { message?: string } | null
    throw new AppError(
      'SERVER_REFUSED',
      `${this.#base} answers ${response.status}: ${body?.message ?? 'no reason given'}`,
      {
        facts: { status: response.status },
      },
    )
  }

  async get<T>(path: string): Promise<T> {
    return ((await (await this.open(path)).json()) as { data: T }).data
  }

  async send<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.open(path, {
      method,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    })
    return ((await response.json()) as { data: T }).data
  }
}

/** The client and the organisation that its options name. */
export async function connect(options: ServerOptions): Promise<{ api: ApiClient; org: string }> {
  const api = new ApiClient(options.server, readKey(options))
  if (options.org !== undefined) return { api, org: options.org }
  const { orgId } = await api.get<{ orgId: string | null }>('/api/v1/key')
  if (orgId === null)
    throw new AppError('NO_ORG', 'a root key belongs to no organisation', {
      hint: 'Give --org.',
      exitCode: EXIT.usage,
    })
  return { api, org: orgId }
}

/** Says something to a person; not to a program that reads standard output. */
export function say(context: CommandContext, message: string): void {
  context.stderr.write(`${message}\n`)
}
