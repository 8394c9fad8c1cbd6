import { describe, expect, test } from 'vitest'
import { parseRetryAfter, RETRY_AFTER_MAX_MS } from '../../../src/meter/ship/answer.js'
import { Backoff } from '../../../src/meter/ship/backoff.js'

describe('Retry-After', () => {
  const now = Date.parse('2026-11-22T12:00:00Z')
  test.each([
    [undefined, 0],
    ['7', 7_000],
    [' 7 ', 7_000],
    ['86400', RETRY_AFTER_MAX_MS],
    ['Sun, 22 Nov 2026 12:00:30 GMT', 30_000],
    ['Sun, 22 Nov 2026 11:00:00 GMT', 0],
    ['Mon, 23 Nov 2026 12:00:00 GMT', RETRY_AFTER_MAX_MS],
    ['soon', 0],
    ['-5', 0],
  ])('%j is %d ms', (text, ms) => {
    expect(parseRetryAfter(text, now)).toBe(ms)
  })
})

describe('backoff', () => {
  test('doubles from 0.5 s to 60 s and stays there, without end', () => {
    const most = new Backoff(undefined, () => 1)
    const steps = Array.from({ length: 10 }, () => most.next())
    expect(steps).toEqual([500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000])
    for (let i = 0; i < 5000; i++) expect(most.next()).toBe(60_000)
  })

  test('is never less than half of the step, and starts again after a success', () => {
    const least = new Backoff(undefined, () => 0)
    expect([least.next(), least.next()]).toEqual([250, 500])
    least.reset()
    expect(least.next()).toBe(250)
  })
})
