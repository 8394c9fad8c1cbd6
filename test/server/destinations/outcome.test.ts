import { expect, test } from 'vitest'
import { retryAfterMs } from '../../../src/base/retry-after.js'
import { countAttempts, totalOf } from '../../../src/server/destinations/counts.js'
import {
  backoffMs,
  classOf,
  outcomeOf,
  RETRY_AFTER_MS_MAX,
  troubleMs,
} from '../../../src/server/destinations/outcome.js'

const NOW_MS = Date.UTC(2026, 10, 29, 12)
const waitMs = (header: string, nowMs: number) => retryAfterMs(header, nowMs, RETRY_AFTER_MS_MAX)
const of = (status: number, retryAfter?: string) =>
  outcomeOf({ status, text: 'words', retryAfter }, NOW_MS)

test.each([
  ['delivered', [200, 202, 204]],
  ['later', [408, 425, 429, 500, 502, 503, 504]],
  ['blocked', [301, 302, 307, 401, 403, 404, 405, 410, 415]],
  ['refused', [400, 413, 422]],
])('%s: %j', (kind, statuses) => {
  for (const status of statuses) expect(of(status)).toMatchObject({ kind, status })
})

test('a redirect is said to be one', () => {
  expect(of(302)).toMatchObject({ text: 'it redirects, which is not followed' })
})

test('Retry-After is seconds or a date, and at most an hour', () => {
  expect(of(503, '30')).toMatchObject({ afterMs: 30_000 })
  expect(waitMs('Sun, 29 Nov 2026 12:05:00 GMT', NOW_MS)).toBe(300_000)
  expect(waitMs('Sun, 29 Nov 2026 11:00:00 GMT', NOW_MS)).toBe(0)
  expect(waitMs('999999999', NOW_MS)).toBe(3600e3)
  expect(waitMs('soon', NOW_MS)).toBeUndefined()
  expect(of(503)).not.toHaveProperty('afterMs')
})

test('the wait grows from up to a second to up to five minutes, anywhere below', () => {
  expect(backoffMs(0, () => 1)).toBe(1000)
  expect(backoffMs(4, () => 1)).toBe(16_000)
  expect(backoffMs(4, () => 0.25)).toBe(4000)
  expect(backoffMs(9, () => 1)).toBe(300_000)
  expect(backoffMs(1e9, () => 1)).toBe(300_000)
})

test('what an answer says is shown as one line without controls', () => {
  const outcome = outcomeOf({ status: 500, text: ' a\n\u001b[31mb ', retryAfter: undefined }, 0)
  expect(outcome).toMatchObject({ text: 'a??[31mb' })
})

test('attempts are counted by class for a day by the hour and for a month by the day', () => {
  expect(classOf({ kind: 'later', status: null, text: '' })).toBe('network')
  let counts: ReturnType<typeof countAttempts> = { hours: {}, days: {} }
  for (let hour = 0; hour < 24 * 40; hour++)
    counts = countAttempts(counts, [of(200), of(503)], NOW_MS + hour * 3600e3)
  const nowMs = NOW_MS + 24 * 40 * 3600e3 - 3600e3
  expect(totalOf(counts.hours, nowMs, 'day')).toEqual({ '2xx': 24, '5xx': 24 })
  expect(totalOf(counts.days, nowMs, 'month')['2xx']).toBe(29 * 24 + 12)
  expect(Object.keys(counts.days).length).toBe(30)
  expect(Object.keys(counts.hours).length).toBe(24)
})

test('a fault of this server that ends attempts again and again waits longer and longer', () => {
  const waits = [0, 1, 2, 5, 30].map((broken) => troubleMs(broken, () => 1))
  expect(waits).toEqual([5000, 5000, 9000, 37_000, 305_000])
})
