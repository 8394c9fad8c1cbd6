import { expect, test } from 'vitest'
import { ClockSteps } from '../../../src/meter/run/clock-steps.js'

test('a clock that is set forward passes over a time; one that is corrected or set back does not', () => {
  const clock = new ClockSteps(0, 0)
  expect(clock.check(1_000, 1_000)).toBeNull()
  expect(clock.check(2_400, 2_000)).toBeNull()
  expect(clock.check(3_603_400, 3_000)).toEqual({
    reason: 'clockStepped',
    sessions: 0,
    from: '1970-01-01T00:00:03.400Z',
    to: '1970-01-01T01:00:03.400Z',
  })
  expect(clock.check(3_604_400, 4_000)).toBeNull()
  expect(clock.check(5_400, 5_000)).toBeNull()
  expect(clock.check(6_400, 6_000)).toBeNull()
})
