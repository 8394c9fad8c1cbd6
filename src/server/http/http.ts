/**
 * The envelope of every answer, `{ data, success, error, message, status }` as in Pangolin's integration API, and the
 * errors that callers see.
 */
import { AppError } from '../../base/errors.js'

export interface Envelope<T> {
  readonly data: T
  readonly success: boolean
  readonly error: boolean
  readonly message: string
  readonly status: number
  /** Failures: a word for programs. */
  readonly code?: string
}

export function ok<T>(data: T, message = 'OK', status = 200): Envelope<T> {
  return { data, success: true, error: false, message, status }
}

export class HttpError extends Error {
  readonly status: number
  readonly code: string
  readonly headers: Readonly<Record<string, string>>
  /** The envelope's `data`, for programs. */
  readonly data: unknown

  constructor(
    status: number,
    code: string,
    message: string,
    headers: Readonly<Record<string, string>> = {},
    data: unknown = null,
  ) {
    super(message)
    this.data = data
    this.status = status
    this.code = code
    this.headers = headers
  }
}

export function failure(
  status: number,
  code: string,
  message: string,
  data: unknown = null,
): Envelope<unknown> {
  return { data, success: false, error: true, message, status, code }
}

type Word = readonly [status: number, code: string]

/** AppErrors that a caller can act on. */
const OWN: Readonly<Record<string, Word>> = {
  STORE_BUSY: [503, 'storeBusy'],
  STORE_CLOSING: [503, 'storeBusy'],
  CONTROL_AWAY: [503, 'storeBusy'],
  STORE_MEMORY: [503, 'storeMemory'],
  STORE_FULL: [503, 'storeFull'],
  STORE_STOPPED: [503, 'storeStopped'],
  TOO_MANY_INTERVALS: [400, 'badRequest'],
  BAD_ORG: [400, 'badRequest'],
  ORG_REMOVED: [409, 'orgRemoved'],
  BAD_COMPRESSED: [400, 'badRequest'],
  BAD_DESTINATION: [400, 'badRequest'],
  NO_DESTINATION: [404, 'noDestination'],
  DESTINATION_CHANGED: [409, 'destinationChanged'],
  TOO_MANY_DESTINATIONS: [409, 'tooManyDestinations'],
  TOO_MANY_BACKFILLS: [409, 'tooManyBackfills'],
  BAD_ALERT: [400, 'badRequest'],
  NO_ALERT: [404, 'noAlert'],
  TOO_MANY_ALERTS: [409, 'tooManyAlerts'],
  SECRETS_LOST: [409, 'secretsLost'],
  SECRETS_OTHER: [503, 'secretsOther'],
  NO_BACKUP: [501, 'noBackup'],
  TOO_LARGE: [413, 'tooLarge'],
}

/** The HTTP framework's own refusals, with tunmeter's texts. */
const FRAMEWORK: Readonly<Record<string, readonly [...Word, message: string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'tooLarge', 'the body is larger than this route accepts'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    415,
    'badContentType',
    'the body must be JSON: content-type: application/json',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    400,
    'badRequest',
    'content-length: differs from the length of the body',
  ],
  FST_ERR_CTP_EMPTY_JSON_BODY: [400, 'badJson', 'the body is empty; JSON is expected'],
  FST_ERR_MAX_PARAM_LENGTH: [414, 'urlTooLong', 'a part of the path is too long'],
  FST_ERR_BAD_URL: [
    400,
    'badRequest',
    'the URL is not valid: a % must be followed by two hex digits',
  ],
}

/** The caller's view of an error. An unknown error is a fault of the server, and its details stay in the log. */
export function httpErrorOf(error: unknown): HttpError {
  if (error instanceof HttpError) return error
  const { statusCode = 500, code = '' } = error as { statusCode?: number; code?: string }
  const own = error instanceof AppError ? OWN[code] : undefined
  if (own !== undefined) {
    const { message, hint } = error as AppError
    const [status, word] = own
    const text = hint === undefined ? message : `${message}. ${hint}`
    return new HttpError(status, word, text, status === 503 ? { 'retry-after': '2' } : {})
  }
  const framework = FRAMEWORK[code]
  if (framework !== undefined) return new HttpError(...framework)
  if (statusCode >= 400 && statusCode < 500)
    return new HttpError(statusCode, 'badRequest', 'the request is not valid HTTP')
  return new HttpError(500, 'internal', 'internal error; see the server’s log')
}
