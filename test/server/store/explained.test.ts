/** What DuckDB says, in words that tell what to do. */
import { describe, expect, test } from 'vitest'
import { httpErrorOf } from '../../../src/server/http/http.js'
import { explained } from '../../../src/server/store/duckdb/errors.js'

describe('a failure of the database', () => {
  test.each([
    ['Out of Memory Error: failed to allocate', 503, 'storeMemory', 'raise --store-memory'],
    [
      'TransactionContext Error: Failed to commit: Could not write file "/d/x.wal": No space left on device',
      503,
      'storeFull',
      'Free some space',
    ],
    [
      // What has stopped it is told, too.
      'FATAL Error: Failed: database has been invalidated because of a previous fatal error. Original error: "No space left on device"',
      503,
      'storeStopped',
      'restart the server',
    ],
    ['Binder Error: no such column', 500, 'internal', 'log'],
  ])('%s', (message, status, code, hint) => {
    const answer = httpErrorOf(explained(new Error(message)))
    expect(answer).toMatchObject({ status, code })
    expect(answer.message).toContain(hint)
    expect(answer.message).not.toContain('/d/x.wal')
  })
})
