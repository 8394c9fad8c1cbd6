/** Which time deletes: never that of a wall clock that nothing else agrees with. */
import { describe, expect, test } from 'vitest'
import { TrustedClock } from '../../../src/server/control/trusted-clock.js'

const HOUR_MS = 3600e3
const DAY_MS = 24 * HOUR_MS
const START_MS = Date.UTC(2026, 0, 1)

/** A clock whose wall and monotonic time the test moves. */
function setUp(lastMs: number | undefined, wallMs = START_MS) {
  const time = { wall: wallMs, monotonic: 5_000 }
  const clock = new TrustedClock({
    wallMs: () => time.wall,
    monotonicMs: () => time.monotonic,
    lastMs,
  })
  const pass = (ms: number) => {
    time.wall += ms
    time.monotonic += ms
  }
  return { clock, time, pass }
}

describe('the wall clock is believed', () => {
  test('at the very first start', () => {
    expect(setUp(undefined).clock.nowMs()).toBe(START_MS)
  })

  test('while it agrees with what has passed, over any time', () => {
    const { clock, time, pass } = setUp(START_MS - HOUR_MS)
    for (let day = 0; day < 100; day++) {
      pass(DAY_MS)
      expect(clock.nowMs()).toBe(time.wall)
    }
  })

  test('when it is set by less than a day, again and again', () => {
    const { clock, time } = setUp(START_MS)
    for (let i = 0; i < 10; i++) {
      time.wall += 20 * HOUR_MS
      expect(clock.nowMs()).toBe(time.wall)
    }
  })

  test('after months without a server, as soon as a meter tells the same time', () => {
    const { clock, time } = setUp(START_MS - 60 * DAY_MS)
    expect(clock.nowMs()).toBe(START_MS - 60 * DAY_MS)
    expect(clock.confirm(START_MS - 2 * DAY_MS)).toBe(0)
    expect(clock.confirm(START_MS + HOUR_MS)).toBe(60 * DAY_MS)
    expect(clock.nowMs()).toBe(time.wall)
    expect(clock.disagreementMs).toBe(0)
  })
})

describe('the wall clock is not believed', () => {
  test.each([60, -60, -20_000])('when it starts %i days away', (days) => {
    const { clock, pass } = setUp(START_MS, START_MS + days * DAY_MS)
    pass(HOUR_MS)
    expect(clock.nowMs()).toBe(START_MS + HOUR_MS)
    expect(clock.disagreementMs).toBe(days * DAY_MS)
    // The meters know better.
    expect(clock.confirm(START_MS)).toBe(0)
    expect(clock.nowMs()).toBe(START_MS + HOUR_MS)
  })

  test('when it jumps while the server runs, until it is set right', () => {
    const { clock, time, pass } = setUp(START_MS)
    expect(clock.nowMs()).toBe(START_MS)
    time.wall += 400 * DAY_MS
    pass(HOUR_MS)
    expect(clock.nowMs()).toBe(START_MS + HOUR_MS)
    time.wall -= 400 * DAY_MS
    pass(HOUR_MS)
    expect(clock.nowMs()).toBe(START_MS + 2 * HOUR_MS)
    expect(clock.disagreementMs).toBe(0)
  })
})
