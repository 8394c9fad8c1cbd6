/**
 * Sends a request to the API with the session's cookie and returns the envelope's data. Every failure becomes an
 * ApiError, which says whether a retry can help.
 */
import { BASE } from '../state/base.js'
import { createStore } from '../state/store.js'
import type { QueryParams } from '../state/url.js'
import type { OwnFault } from '../texts/en/faults.js'

export class ApiError extends Error {
  /** HTTP status; 0 without an answer, -1 for a failure of the page itself. */
  readonly status: number
  /** The API's code for the failure, such as `confirmNeeded`, or an OwnFault; empty: none. */
  readonly code: string
  /** The envelope's data; the HTTP status of an OwnFault. */
  readonly data: unknown
  constructor(status: number, message: string, code = '', data: unknown = null) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
    this.data = data
  }

  /** The server is unreachable or overloaded, so the same request may succeed later. */
  get temporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 502
  }
}

/** A failure that the page finds itself; api/fault-text.ts has its words. */
export function ownError(status: number, code: OwnFault, httpStatus = status): ApiError {
  return new ApiError(status, code, code, httpStatus)
}

interface Envelope {
  readonly data: unknown
  readonly success: boolean
  readonly message: string
  readonly code?: string
}

/** Why the server ended the session (HTTP 401). The sign-in page shows it. */
export const signedOut = createStore<ApiError | null>(null)

/** False after a request that tunmeter did not answer, true after the next answer. */
export const serverReachable = createStore(true)

export function queryText(query: QueryParams): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== '') params.append(name, String(one))
    }
  }
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}

/** The path of an API request, for links and commands. */
export function apiPath(path: string, query: QueryParams): string {
  return `${BASE}/api/v1${path}${queryText(query)}`
}

export interface RequestOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly query?: QueryParams
  readonly body?: unknown
  readonly signal?: AbortSignal
  /** A 401 to this request means that nobody is signed in or the typed key is wrong, not that a session ended. */
  readonly signingIn?: boolean
}

function isEnvelope(value: unknown): value is Envelope {
  return typeof value === 'object' && value !== null && 'success' in value && 'message' in value
}

async function send(path: string, options: RequestOptions): Promise<Response> {
  const { method = 'GET', query = {}, body, signal } = options
  try {
    return await fetch(apiPath(path, query), {
      method,
      credentials: 'same-origin',
      ...(signal && { signal }),
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    })
  } catch (error) {
    if (signal?.aborted) throw error
    serverReachable.set(false)
    throw ownError(0, 'noAnswer')
  }
}

/**
 * @returns `data` of the envelope.
 * @throws ApiError; DOMException AbortError when the signal was aborted.
 */
export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const response = await send(path, options)
  const content: unknown = await response.json().catch((error: unknown) => {
    if (options.signal?.aborted) throw error
    return null
  })
  // Such as a proxy's error page: handled like an unreachable server.
  if (!isEnvelope(content)) {
    const status = response.ok ? 502 : response.status
    if (status >= 502) serverReachable.set(false)
    throw ownError(status, 'unexpectedAnswer', response.status)
  }
  serverReachable.set(true)
  if (content.success) return content.data as T
  const error = new ApiError(response.status, content.message, content.code, content.data)
  if (response.status === 401 && !options.signingIn) signedOut.set(error)
  throw error
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}
