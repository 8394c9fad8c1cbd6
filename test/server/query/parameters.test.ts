/** Which time range a query means when it names none. */
import { expect, test } from 'vitest'
import { filterOf } from '../../../src/server/query/parameters.js'

const NOW_MS = Date.UTC(2026, 10, 22)
const WEEK_US = 7 * 86400e6

test('the last seven days, unless what is asked for may be older', () => {
  expect(filterOf({}, NOW_MS).fromUs).toBe(NOW_MS * 1e3 - WEEK_US)
  expect(filterOf({ state: 'ended' }, NOW_MS).fromUs).toBe(NOW_MS * 1e3 - WEEK_US)
  expect(filterOf({ state: 'open' }, NOW_MS).fromUs).toBe(0)
  expect(filterOf({ sessionId: ['00RNXXNAXTSW21K17V00000002'] }, NOW_MS).fromUs).toBe(0)
  // A time that is given counts.
  expect(filterOf({ state: 'open', timeStart: NOW_MS - 1000 }, NOW_MS).fromUs).toBe(
    (NOW_MS - 1000) * 1e3,
  )
})
