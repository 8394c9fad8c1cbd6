import { describe, expect, test } from 'vitest'
import { parseMonth } from '../../src/cli/moment.js'
import { parseMoment } from '../../src/session/moment.js'
import { inZone } from '../support/zone.js'

const NOW = Date.parse('2026-11-29T13:05:09.123Z')
const at = (text: string, now = NOW): string => parseMoment(text, now)

describe('in Berlin', () => {
  inZone('Europe/Berlin')

  test.each([
    ['now', '2026-11-29T13:05:09.123Z'],
    ['90s', '2026-11-29T13:03:39.123Z'],
    ['30m', '2026-11-29T12:35:09.123Z'],
    ['24h', '2026-11-28T13:05:09.123Z'],
    ['7d', '2026-11-22T13:05:09.123Z'],
    ['2w', '2026-11-15T13:05:09.123Z'],
    ['999999w', '1970-01-01T00:00:00.000Z'],
    ['today', '2026-11-28T23:00:00.000Z'],
    ['yesterday', '2026-11-27T23:00:00.000Z'],
    ['yesterday 18:00', '2026-11-28T17:00:00.000Z'],
    ['today 6:30', '2026-11-29T05:30:00.000Z'],
    ['2026-11-01', '2026-10-31T23:00:00.000Z'],
    ['2026-11-01 18:00', '2026-11-01T17:00:00.000Z'],
    ['2026-07-01T18:00:30', '2026-07-01T16:00:30.000Z'],
    ['0099-01-01', '1970-01-01T00:00:00.000Z'],
    ['2026-11-01T18:00:00Z', '2026-11-01T18:00:00Z'],
    ['2026-11-01 18:00+05:30', '2026-11-01T18:00+05:30'],
    ['2026-11-01T18:00:00.123456Z', '2026-11-01T18:00:00.123456Z'],
  ])('%s is %s', (text, iso) => expect(at(text)).toBe(iso))

  test.each([
    ...['', 'yesteday', 'tomorrow', '24', '-24h', '1.5h', '24 hours', '1M', '1783000000', 'Nov 1'],
    ...['18:00', 'yesterday 24:00', 'today 9:60', 'today9:00', '01.11.2026', '11/01/2026'],
    ...['2026-13-01', '2026-02-30', '2026-11-1', '2026-11', '2026-11-01 25:00', '2026-W48'],
    ...['2026-11-01T18:00 CET', '2026-02-30T00:00:00Z', '2026-11-01T18:00:00+25:00', '2026-11-01Z'],
  ])('%j is refused', (text) => expect(() => at(text)).toThrow('expected a time as in 24h'))

  test('an hour that is not there is refused; one that is there twice is the first', () => {
    expect(() => at('2026-03-29 02:30')).toThrow('put forward')
    expect(at('2026-10-25 02:30')).toBe('2026-10-25T00:30:00.000Z')
    expect(at('yesterday', Date.parse('2026-03-30T12:00:00Z'))).toBe('2026-03-28T23:00:00.000Z')
  })
})

describe('where the clocks are put forward at midnight', () => {
  inZone('America/Santiago')

  test('that day begins at one', () => {
    expect(at('2026-09-06')).toBe('2026-09-06T04:00:00.000Z')
    expect(() => at('2026-09-06 00:30')).toThrow('put forward')
  })
})

test('months are those of UTC', () => {
  const newYear = Date.parse('2026-01-01T00:30:00Z')
  expect(parseMonth('this month', newYear)).toBe('2026-01')
  expect(parseMonth('last month', newYear)).toBe('2025-12')
  expect(parseMonth('2026-11', NOW)).toBe('2026-11')
  for (const wrong of ['2026-13', '2026-1', 'November', '2026-11-01', ''])
    expect(() => parseMonth(wrong, NOW)).toThrow('expected a month as in 2026-11')
})
