/** ClickHouse's errors in the store's words. Other errors stay as they are. */
import { ClickHouseError } from '@clickhouse/client'
import { AppError } from '../../../base/errors.js'

const AGAIN = 'Try again in a few seconds.'

interface Meaning {
  readonly code: string
  readonly message: string
  readonly hint: string
}

const busy = (message: string): Meaning => ({ code: 'STORE_BUSY', message, hint: AGAIN })

const unreadable = (message: string, hint: string): Meaning => ({
  code: 'STORE_UNREADABLE',
  message,
  hint,
})

const FULL: Meaning = {
  code: 'STORE_FULL',
  message: 'the disk of ClickHouse is full',
  hint: 'Free some space there.',
}

/** By the numbers of ClickHouse's ErrorCodes.cpp. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  159: busy('ClickHouse stopped a query that took too long'),
  164: busy('ClickHouse only reads at the moment'),
  202: busy('ClickHouse has too many queries'),
  203: busy('ClickHouse has too many connections'),
  209: busy('ClickHouse does not answer in time'),
  210: busy('ClickHouse cannot be reached'),
  225: busy('ClickHouse does not reach its Keeper'),
  242: busy('the table is read-only at the moment'),
  252: busy('ClickHouse is behind with merging'),
  279: busy('no replica of ClickHouse can be reached'),
  285: busy('too few replicas of ClickHouse are alive'),
  286: busy('another write waits for its replicas'),
  319: busy('it is unknown whether ClickHouse has written'),
  439: busy('ClickHouse has too much to do'),
  745: busy('ClickHouse has too much to do'),
  999: busy('ClickHouse does not reach its Keeper'),
  241: {
    code: 'STORE_MEMORY',
    message: 'the query needs more memory than ClickHouse gives',
    hint: 'Use a shorter time range or more filters, or raise max_memory_usage.',
  },
  75: FULL,
  243: FULL,
  81: unreadable('ClickHouse has no such database', 'Create it: CREATE DATABASE NAME.'),
  497: unreadable(
    'the user lacks a right in ClickHouse',
    'Give it all rights on the database: GRANT ALL ON NAME.* TO USER.',
  ),
  ...Object.fromEntries(
    [192, 193, 194, 516].map((code) => [
      code,
      unreadable(
        'ClickHouse refuses the user or the password',
        'Check --store, and --store-password-file or TUNMETER_STORE.',
      ),
    ]),
  ),
}
/** After such a failure, ClickHouse may have written the rows. */
const UNKNOWN: ReadonlySet<string> = new Set(['209', '210', '319'])

const NETWORK = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'],
  ...['ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_SOCKET'],
])

export function explained(error: unknown): unknown {
  const meaning = meaningOf(error)
  if (meaning === undefined) return error
  return new AppError(meaning.code, meaning.message, { hint: meaning.hint, cause: error })
}

/** Whether a write that failed may have happened. @param error of explained() */
export function isUnknown(error: unknown): boolean {
  if (!(error instanceof AppError)) return false
  const { cause } = error
  return cause instanceof ClickHouseError ? UNKNOWN.has(cause.code) : isCut(cause)
}

function meaningOf(error: unknown): Meaning | undefined {
  if (error instanceof ClickHouseError) return MEANINGS[error.code]
  return isCut(error) ? busy('ClickHouse cannot be reached') : undefined
}

function isCut(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code = '' } = error as NodeJS.ErrnoException
  return NETWORK.has(code) || /socket hang up|aborted$|Timeout error/.test(error.message)
}
