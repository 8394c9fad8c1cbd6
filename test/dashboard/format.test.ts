/** Numbers and times as people read them. */
import { describe, expect, test } from 'vitest'
import { exactBytes, formatBytes } from '../../src/dashboard/format/bytes.js'
import { toCsv } from '../../src/dashboard/format/csv.js'
import { addMonths, monthOf, monthSpan } from '../../src/dashboard/format/month.js'
import { formatAgo, formatDuration, formatTicking } from '../../src/dashboard/format/time.js'
import { destText, flagNames, sourceText } from '../../src/dashboard/format/words.js'
import { isHourlySum, isSumRow } from '../../src/session/log-rule.js'
import { outcomeOf } from '../../src/session/outcome.js'
import { CONN_STATES, END_REASON_NAMES } from '../../src/session/session.js'

describe('bytes', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [1024, '1.02 kB'],
    [9_994, '9.99 kB'],
    [9_996, '10.0 kB'],
    [99_940, '99.9 kB'],
    [99_960, '100 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [1_500_000_000, '1.50 GB'],
    [Number.MAX_SAFE_INTEGER, '9.01 PB'],
  ])('%d is %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

  test('exactly', () => {
    expect([exactBytes(1), exactBytes(1_234_567)]).toEqual(['1 byte', '1,234,567 bytes'])
  })
})

describe('times', () => {
  test.each([
    [0, '0 ms'],
    [0.0124, '12 ms'],
    [0.9994, '999 ms'],
    [0.9996, '1.00 s'],
    [9.994, '9.99 s'],
    [9.996, '10.0 s'],
    [59.94, '59.9 s'],
    [59.96, '1m 00s'],
    [3_599.4, '59m 59s'],
    [3_599.6, '1h 00m'],
    [93_784, '1d 02h'],
  ])('%d seconds last %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text))

  test('what ticks shows whole seconds, and never less than none', () => {
    expect([-3, 0.9, 59.9, 61].map(formatTicking)).toEqual(['0 s', '0 s', '59 s', '1m 01s'])
  })

  test.each([
    [0, 'just now'],
    [-12_000, '12 s ago'],
    [-59 * 60_000, '59 min ago'],
    [-47 * 3600_000, '47 h ago'],
    [-49 * 3600_000, '2 days ago'],
    [90_000, 'in 1 min'],
  ])('%d ms from now is %s', (ms, text) => expect(formatAgo(1e12 + ms, 1e12)).toBe(text))

  test('months are UTC', () => {
    expect(monthOf(Date.parse('2026-12-01T00:30:00+01:00'))).toBe('2026-11')
    expect([addMonths('2026-01', -2), addMonths('2026-11', 2)]).toEqual(['2025-11', '2027-01'])
    expect(monthSpan('2026-02')).toEqual({
      startMs: Date.UTC(2026, 1, 1),
      endMs: Date.UTC(2026, 2, 1),
    })
  })
})

describe('how it ended', () => {
  const row = { protocol: 'tcp', connState: 'SF', endReason: 'endOfFlowDetected' } as const
  const label = (change: object) => outcomeOf({ ...row, interrupted: false, ...change }).label

  test.each([
    [{}, 'Closed'],
    [{ protocol: 'udp', endReason: 'idleTimeout' }, 'Answered'],
    [{ connState: 'S0', endReason: 'idleTimeout' }, 'No answer'],
    [{ connState: 'REJ' }, 'Refused'],
    [{ endReason: 'activeTimeout', connState: 'S1' }, 'Open'],
    [{ endReason: 'activeTimeout', interrupted: true }, 'Interrupted'],
    [{ endReason: 'forcedEnd', connState: 'S1' }, 'Meter stopped'],
    [{ endReason: 'forcedEnd', connState: 'S0' }, 'No answer'],
    [{ endReason: 'lackOfResources', connState: 'S1' }, 'Cut short'],
    [{ connState: null, endReason: 'endOfFlowDetected' }, 'Ended'],
  ])('%j is %s', (change, text) => expect(label(change)).toBe(text))

  test('every state and reason has words', () => {
    for (const connState of CONN_STATES)
      for (const endReason of END_REASON_NAMES) expect(label({ connState, endReason })).not.toBe('')
  })

  test('flags', () => {
    expect([flagNames(0), flagNames(0x12), flagNames(0xff), flagNames(null)]).toEqual([
      'none',
      'SYN ACK',
      'FIN SYN RST PSH ACK URG ECE CWR',
      null,
    ])
  })
})

test('a sum of an hour shows no addresses; a session from 0.0.0.0 does', () => {
  const sum = { sourceAddr: '0.0.0.0', destAddr: '0.0.0.0' }
  expect([isSumRow(sum), sourceText(sum), destText(sum)]).toEqual([true, 'not kept', 'not kept'])
  const dhcp = { sourceAddr: '0.0.0.0:68', destAddr: '255.255.255.255:67' }
  expect([isSumRow(dhcp), sourceText(dhcp)]).toEqual([false, '0.0.0.0:68'])
  const ends = { sourceIp: '0.0.0.0', sourcePort: 0, destIp: '0.0.0.0' }
  // Both addresses of a session between two clients may be dropped; its port says that it is a session.
  expect([0, 443].map((destPort) => isHourlySum({ ...ends, destPort }))).toEqual([true, false])
})

test('CSV: RFC 4180, formulas made text, numbers left alone', () => {
  const cells = ['=1+1', '+1', '-1', '@x', '\tx', 'a"b', 'a,b', 'a\nb', null, -5, 1.5]
  expect(toCsv([cells, ['plain']])).toBe(
    `'=1+1,'+1,'-1,'@x,'\tx,"a""b","a,b","a\nb",,-5,1.5\r\nplain\r\n`,
  )
})
