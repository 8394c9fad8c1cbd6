/** DuckDB's failures in words that tell what to do. */
import { AppError, messageOf } from '../../../base/errors.js'

const NO_SPACE = /no space left on device|disk quota exceeded/i

export function isFull(error: unknown): boolean {
  return (
    NO_SPACE.test(messageOf(error)) || (error instanceof AppError && error.code === 'STORE_FULL')
  )
}

/** DuckDB's messages that a caller or operator can act on. */
const EXPLAINED: readonly (readonly [RegExp, code: string, message: string, hint: string])[] = [
  [
    /^Out of Memory Error/,
    'STORE_MEMORY',
    'the query needs more memory than --store-memory gives',
    'Use a shorter time range or more filters, or raise --store-memory.',
  ],
  [
    /database has been invalidated/,
    'STORE_STOPPED',
    'the database has stopped after a failure',
    'Free some space on the disk of --data, and restart the server. Acknowledged batches are kept.',
  ],
  [
    NO_SPACE,
    'STORE_FULL',
    'the disk of --data is full',
    'Free some space. Acknowledged batches are kept, and the server continues by itself.',
  ],
]

/** @param cause a failure, or the reason why nothing is tried */
export function storeFull(cause?: unknown): AppError {
  return explained(new Error('No space left on device', { cause })) as AppError
}

/** The error as an AppError if a caller can act on it, else unchanged. */
export function explained(error: unknown): unknown {
  const found = EXPLAINED.find(([pattern]) => pattern.test(messageOf(error)))
  if (found === undefined) return error
  const [, code, message, hint] = found
  return new AppError(code, message, { hint, cause: error })
}
