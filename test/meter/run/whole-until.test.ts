/** Up to when all that was metered is safe: the truth is what may be in the flow table, worked out by hand. */
import { describe, expect, test } from 'vitest'
import { NOTHING_HELD, type WholeInput, WholeUntil } from '../../../src/meter/run/whole-until.js'

const MINUTE = 60_000
const LATE = 2_000
/** Nothing is open, nothing waits. */
const quiet = (nowMs: number): WholeInput => ({
  givenMs: nowMs,
  nowMs,
  steadyMs: nowMs,
  lossUnsaid: false,
  openSessions: 0,
  oldestEpoch: 0,
  held: NOTHING_HELD,
  sumsFromMs: Number.POSITIVE_INFINITY,
})

describe('with interim records each minute', () => {
  test('nothing open: until what is under way', () => {
    const whole = new WholeUntil(MINUTE, 0)
    expect(whole.reaches(quiet(100_000))).toBe(100_000 - LATE)
  })

  test('what is open may wait a minute in the table', () => {
    const whole = new WholeUntil(MINUTE, 0)
    const open = { ...quiet(200_000), openSessions: 1 }
    expect(whole.reaches(open)).toBe(200_000 - LATE - MINUTE)
  })

  test('records that were not taken, and sessions that wait for the disk, may be a minute older than they wait', () => {
    const behind = { ...quiet(500_000), openSessions: 1, givenMs: 300_000 }
    expect(new WholeUntil(MINUTE, 0).reaches(behind)).toBe(300_000 - LATE - MINUTE)
    const held = { ...quiet(500_000), held: { sinceMs: 250_000, fromMs: 10 } }
    expect(new WholeUntil(MINUTE, 0).reaches(held)).toBe(250_000 - MINUTE)
  })

  test('a sum that was not given: until the first session in it', () => {
    const sums = { ...quiet(500_000), sumsFromMs: 123_000 }
    expect(new WholeUntil(MINUTE, 0).reaches(sums)).toBe(123_000)
  })

  test('what was safe stays so; before the interface was read nothing is open', () => {
    const whole = new WholeUntil(MINUTE, 70_000)
    expect(whole.reaches({ ...quiet(80_000), openSessions: 5 })).toBe(70_000)
    expect(whole.reaches(quiet(300_000))).toBe(300_000 - LATE)
    expect(whole.reaches({ ...quiet(310_000), openSessions: 5 })).toBe(300_000 - LATE)
  })

  test('a lost record holds nothing of before what was safe; nothing more is until its loss is said', () => {
    const whole = new WholeUntil(MINUTE, 0)
    whole.reaches({ ...quiet(200_000), openSessions: 1 })
    // The session of that minute has ended, and its record was lost.
    const lost = { ...quiet(210_000), lossUnsaid: true }
    expect(whole.reaches(lost)).toBe(200_000 - LATE - MINUTE)
    expect(whole.reachedMs).toBe(200_000 - LATE - MINUTE)
    expect(whole.reaches({ ...lost, lossUnsaid: false })).toBe(210_000 - LATE)
  })

  test('at the end everything is given: until then', () => {
    const ended = { ...quiet(400_000), givenMs: Number.POSITIVE_INFINITY }
    expect(new WholeUntil(MINUTE, 0).reaches(ended)).toBe(400_000)
  })
})

describe('without interim records', () => {
  test('until the oldest open session may have begun', () => {
    const whole = new WholeUntil(0, 1_000)
    for (let minute = 1; minute <= 10; minute++) whole.epochBegins(minute, minute * MINUTE)
    const open = { ...quiet(10 * MINUTE), openSessions: 3 }
    expect(whole.reaches({ ...open, oldestEpoch: 0 })).toBe(1_000)
    expect(whole.reaches({ ...open, oldestEpoch: 4 })).toBe(4 * MINUTE)
    const merging = { ...NOTHING_HELD, fromMs: 6 * MINUTE }
    expect(whole.reaches({ ...open, oldestEpoch: 8, held: merging })).toBe(6 * MINUTE)
    expect(whole.reaches({ ...open, oldestEpoch: 8 })).toBe(8 * MINUTE)
    expect(whole.reaches(quiet(10 * MINUTE))).toBe(10 * MINUTE - LATE)
  })

  test('epochs that follow one another closely count from the first of them', () => {
    const whole = new WholeUntil(0, 0)
    for (let n = 1; n <= 100; n++) whole.epochBegins(n, n * 1_000)
    const open = { ...quiet(200_000), openSessions: 3, oldestEpoch: 60 }
    expect(whole.reaches(open)).toBe(1_000)
    expect(whole.reaches({ ...open, oldestEpoch: 61 })).toBe(61_000)
  })
})

describe('a clock that is set back', () => {
  /** Twenty minutes behind the time that passes. */
  const behind = (steadyMs: number) => ({ ...quiet(steadyMs - 20 * MINUTE), steadyMs })

  test('makes what was safe by the old clock unsafe by the new one', () => {
    const whole = new WholeUntil(MINUTE, 0)
    expect(whole.reaches(quiet(60 * MINUTE))).toBe(60 * MINUTE - LATE)
    const open = { ...behind(61 * MINUTE), openSessions: 1 }
    expect(whole.reaches(open)).toBe(41 * MINUTE - LATE - MINUTE)
    expect(whole.reaches(behind(62 * MINUTE))).toBe(42 * MINUTE - LATE)
  })

  test('moves the starts of open sessions, too', () => {
    const whole = new WholeUntil(0, 0)
    whole.epochBegins(1, 50 * MINUTE)
    whole.reaches(quiet(60 * MINUTE))
    const open = { ...behind(65 * MINUTE), openSessions: 1, oldestEpoch: 1 }
    expect(whole.reaches(open)).toBe(30 * MINUTE)
  })

  test('by what a daemon corrects little by little, changes nothing', () => {
    const whole = new WholeUntil(MINUTE, 0)
    whole.reaches(quiet(60 * MINUTE))
    const open = { ...quiet(60 * MINUTE + 100), steadyMs: 60 * MINUTE + 600, openSessions: 1 }
    expect(whole.reaches(open)).toBe(60 * MINUTE - LATE)
  })
})
