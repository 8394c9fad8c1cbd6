import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { setZone } from '../../src/dashboard/format/zone.js'
import { spanOfText, splitTime } from '../../src/dashboard/state/typed-range.js'
import { inZone } from '../support/zone.js'

const NOW = Date.parse('2026-11-29T13:05:09.123Z')
const spanAt = (text: string) => {
  const { startMs, endMs } = spanOfText(text, NOW)
  return [new Date(startMs).toISOString(), new Date(endMs).toISOString()]
}

describe('time ranges as they are typed, in Berlin', () => {
  inZone('Europe/Berlin')
  const now = '2026-11-29T13:05:09.123Z'

  test.each([
    ['-3h', '2026-11-29T10:05:09.123Z', now],
    ['30m', '2026-11-29T12:35:09.123Z', now],
    ['today', '2026-11-28T23:00:00.000Z', now],
    ['Yesterday', '2026-11-27T23:00:00.000Z', '2026-11-28T23:00:00.000Z'],
    ['2026-11-01', '2026-10-31T23:00:00.000Z', '2026-11-01T23:00:00.000Z'],
    // The day of 25 hours.
    ['2026-10-25', '2026-10-24T22:00:00.000Z', '2026-10-25T23:00:00.000Z'],
    ['yesterday 18:00 to 08:00', '2026-11-28T17:00:00.000Z', '2026-11-29T07:00:00.000Z'],
    ['yesterday 08:00 to 9:30', '2026-11-28T07:00:00.000Z', '2026-11-28T08:30:00.000Z'],
    ['yesterday 18:00', '2026-11-28T17:00:00.000Z', now],
    ['09:00 to 10:00', '2026-11-29T08:00:00.000Z', '2026-11-29T09:00:00.000Z'],
    ['-2d to -1d', '2026-11-27T13:05:09.123Z', '2026-11-28T13:05:09.123Z'],
    [
      '2026-11-01 09:00 to 2026-11-02 17:30',
      '2026-11-01T08:00:00.000Z',
      '2026-11-02T16:30:00.000Z',
    ],
    ['Oct', '2026-09-30T22:00:00.000Z', '2026-10-31T23:00:00.000Z'],
    ['november', '2026-10-31T23:00:00.000Z', now],
    ['Dec', '2025-11-30T23:00:00.000Z', '2025-12-31T23:00:00.000Z'],
    ['Sept 2024', '2024-08-31T22:00:00.000Z', '2024-09-30T22:00:00.000Z'],
    ['2026-11-01 09:00 – now', '2026-11-01T08:00:00.000Z', now],
  ])('%s', (text, start, end) => {
    expect(spanAt(text)).toEqual([start, end])
  })

  test.each([
    '',
    'soon',
    'dec 2026',
    'octopus',
    'ma',
    'oct 26',
    'now',
    'yesterday 25:00 to 26:00',
    '-1d to -2d',
    'today to yesterday to now',
    '2026-02-30',
    '18:00 to 18:00 to 18:00',
  ])('%s is refused', (text) => {
    expect(() => spanOfText(text, NOW)).toThrow(Error)
  })
})

describe('time ranges as they are typed, in Berlin with the zone UTC', () => {
  inZone('Europe/Berlin')
  beforeAll(() => setZone('utc'))
  afterAll(() => setZone('browser'))

  test.each([
    ['today', '2026-11-29T00:00:00.000Z', '2026-11-29T13:05:09.123Z'],
    ['2026-10-25', '2026-10-25T00:00:00.000Z', '2026-10-26T00:00:00.000Z'],
    ['yesterday 18:00 to 08:00', '2026-11-28T18:00:00.000Z', '2026-11-29T08:00:00.000Z'],
    // Clocks in Berlin skip this time.
    ['2026-03-29 02:30 to 03:30', '2026-03-29T02:30:00.000Z', '2026-03-29T03:30:00.000Z'],
    ['Oct', '2026-10-01T00:00:00.000Z', '2026-11-01T00:00:00.000Z'],
  ])('%s', (text, from, to) => expect(spanAt(text)).toEqual([from, to]))
})

test.each([
  ['client:ada-* time:7d outcome:failed', '7d', 'client:ada-*  outcome:failed'],
  ['time:"yesterday 18:00 to 08:00" orders', 'yesterday 18:00 to 08:00', 'orders'],
  ['orders TIME:-3h', '-3h', 'orders'],
  ['time:', '', ''],
  ['time:"Oct', 'Oct', ''],
  ['uptime:3 "a time"', null, 'uptime:3 "a time"'],
])('%s has the time %j', (text, time, rest) => {
  expect(splitTime(text)).toEqual({ time, rest })
})
