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
  516: unreadable(
    'ClickHouse refuses the user or the password',
    'Check user and password in the address of the store.',
  ),
}

const NETWORK = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'],
  ...['ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_SOCKET'],
])

export function explained(error: unknown): unknown {
  const meaning = meaningOf(error)
  if (meaning === undefined) return error
  return new AppError(meaning.code, meaning.message, { hint: meaning.hint, cause: error })
}

function meaningOf(error: unknown): Meaning | undefined {
  if (error instanceof ClickHouseError) return MEANINGS[error.code]
  if (!(error instanceof Error)) return undefined
  const { code = '' } = error as NodeJS.ErrnoException
  const isCut = NETWORK.has(code) || /socket hang up|aborted$|Timeout error/.test(error.message)
  return isCut ? busy('ClickHouse cannot be reached') : undefined
}
