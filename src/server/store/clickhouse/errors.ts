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

/** By the numbers of ClickHouse's ErrorCodes.cpp. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  159: busy('ClickHouse stopped a query that took too long'),
  164: busy('ClickHouse only reads at the moment'),
  202: busy('ClickHouse has too many queries'),
  209: busy('ClickHouse does not answer in time'),
  210: busy('ClickHouse cannot be reached'),
  242: busy('the table is read-only at the moment'),
  252: busy('ClickHouse is behind with merging'),
  285: busy('too few replicas of ClickHouse are alive'),
  286: busy('another write waits for its replicas'),
  319: busy('it is unknown whether ClickHouse has written'),
  241: {
    code: 'STORE_MEMORY',
    message: 'the query needs more memory than ClickHouse gives',
    hint: 'Use a shorter time range or more filters, or raise max_memory_usage.',
  },
  243: {
    code: 'STORE_FULL',
    message: 'the disk of ClickHouse is full',
    hint: 'Free some space there.',
  },
  516: {
    code: 'STORE_UNREADABLE',
    message: 'ClickHouse refuses the user or the password',
    hint: 'Check the address of the store.',
  },
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
