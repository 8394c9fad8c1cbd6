/** Times at the edge: real dates with a zone, and the same moment on every machine. */
import { describe, expect, test } from 'vitest'
import { isoTimeUs, isStorableTime } from '../../src/session/bounds.js'

const NOON_US = Date.UTC(2026, 10, 22, 12) * 1e3

describe('a time', () => {
  test.each([
    ['2026-11-22T12:00:00Z', NOON_US],
    ['2026-11-22T12:00Z', NOON_US],
    ['2026-11-22t12:00:00z', NOON_US],
    ['2026-11-22T13:00:00+01:00', NOON_US],
    ['2026-11-22T08:30:00-0330', NOON_US],
    ['2026-11-22T12:00:00.000001Z', NOON_US + 1],
    ['2026-11-22T12:00:00.1234567Z', NOON_US + 123_456],
    ['2026-11-22', NOON_US - 12 * 3600e6],
    ['2024-02-29', Date.UTC(2024, 1, 29) * 1e3],
    ['0001-01-01T00:00:00Z', -62_135_596_800e6],
    ['9999-12-31T23:59:59Z', 253_402_300_799e6],
  ])('%s', (text, us) => {
    expect(isoTimeUs(text)).toBe(us)
  })

  test.each([
    '2026-11-22T12:00:00',
    '2026-11-22 12:00',
    '2026-11-22T12:00:00 PST',
    '2026-11-22T12:00:00+25:00',
    '2026-02-30',
    '2026-02-30T00:00:00Z',
    '2023-02-29',
    '2026-13-01',
    '2026-11-22T25:00:00Z',
    '2026-11-22T24:00:00Z',
    '2026-11-22T12:60:00Z',
    '+012026-11-22T12:00:00Z',
    '1795348800',
    'yesterday',
    '',
  ])('not %j', (text) => {
    expect(isoTimeUs(text)).toBeUndefined()
  })

  test.each([
    ['1969-12-31T23:59:59Z', false],
    ['1970-01-01T00:00:00Z', true],
    ['2200-01-01T00:00:00Z', true],
    ['2200-01-01T00:00:01Z', false],
    ['0001-01-01T00:00:00Z', false],
    ['9999-01-01T00:00:00Z', false],
  ])('%s can be stored: %s', (text, storable) => {
    expect(isStorableTime(text)).toBe(storable)
  })
})
