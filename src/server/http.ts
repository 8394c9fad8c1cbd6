/**
 * The envelope of every answer, and errors that have two sides: what the caller is told and what the log keeps.
 * `{ data, success, error, message, status }`, as Pangolin's integration API has it.
 */
import { AppError } from '../errors.js'

export interface Envelope<T> {
  readonly data: T
  readonly success: boolean
  readonly error: boolean
  readonly message: string
  readonly status: number
  /** A word for programs, on failures that a program can act on. */
  readonly code?: string
}

export function ok<T>(data: T, message = 'OK', status = 200): Envelope<T> {
  return { data, success: true, error: false, message, status }
}

export class HttpError extends Error {
  readonly status: number
  readonly code: string
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    code: string,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
  }
}

export function failure(status: number, code: string, message: string): Envelope<null> {
  return { data: null, success: false, error: true, message, status, code }
}

const STORE_STATUS: Readonly<Record<string, number>> = {
  STORE_BUSY: 503,
  TOO_MANY_INTERVALS: 400,
  BAD_ORG: 400,
  BAD_COMPRESSED: 400,
  TOO_LARGE: 413,
}

/** What the caller is told. Unknown errors are ours: no detail leaves the process. */
export function httpErrorOf(error: unknown): HttpError {
  if (error instanceof HttpError) return error
  if (error instanceof AppError && STORE_STATUS[error.code] !== undefined) {
    const status = STORE_STATUS[error.code]!
    const message = error.hint === undefined ? error.message : `${error.message}. ${error.hint}`
    return new HttpError(status, error.code, message, status === 503 ? { 'retry-after': '2' } : {})
  }
  const { statusCode, code, message } = error as {
    statusCode?: number
    code?: string
    message?: string
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new HttpError(statusCode, code ?? 'BAD_REQUEST', message ?? 'bad request')
  }
  return new HttpError(500, 'INTERNAL', 'internal error; the server’s log says more')
}
