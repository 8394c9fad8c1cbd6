/** Who is told what: each thing once, and no storm. */
import { expect, test } from 'vitest'
import { newState, quietSchema } from '../../../src/server/alerts/alert.js'
import { isQuiet } from '../../../src/server/alerts/quiet-hours.js'
import { PENDING_MAX, REPEAT_MS, step, TOLD_MAX } from '../../../src/server/alerts/step.js'

const NOW_MS = Date.parse('2026-01-15T12:00:00Z')
const new_ = () => newState({ id: 'a1', orgId: 'acme' })
const found = (...keys: string[]) => keys.map((key) => ({ key, text: `${key} is here` }))

test('what begins is told once, and once that it is over', () => {
  let state = step(new_(), 'count', found('over'), NOW_MS)
  state = step(state, 'count', found('over'), NOW_MS + 60e3)
  state = step(state, 'count', [], NOW_MS + 120e3)
  state = step(state, 'count', [], NOW_MS + 180e3)
  expect(state.pending).toEqual([
    { at: '2026-01-15T12:00:00.000Z', what: 'begins', text: 'over is here' },
    { at: '2026-01-15T12:02:00.000Z', what: 'ends', text: 'over is here' },
  ])
})

test('what comes and goes is told once an hour', () => {
  let state = new_()
  for (let minute = 0; minute < 59; minute++)
    state = step(state, 'newValue', minute % 2 === 0 ? found('x') : [], NOW_MS + minute * 60e3)
  expect([state.pending.length, state.repeated]).toEqual([1, 29])
  state = step(state, 'newValue', [], NOW_MS + 59 * 60e3)
  state = step(state, 'newValue', [], NOW_MS + 59 * 60e3 + REPEAT_MS)
  state = step(state, 'newValue', found('x'), NOW_MS + 60 * 60e3 + REPEAT_MS)
  expect(state.pending).toHaveLength(2)
})

test('what returns within the hour and stays is told when the hour is over', () => {
  const minute = (n: number) => NOW_MS + n * 60e3
  let state = step(new_(), 'silence', found('lyon'), minute(0))
  state = step(state, 'silence', [], minute(20))
  state = step(state, 'silence', found('lyon'), minute(40))
  expect(state.pending.map(({ what }) => what)).toEqual(['begins', 'ends'])
  state = step(state, 'silence', found('lyon'), minute(79))
  expect(state.pending).toHaveLength(2)
  state = step(state, 'silence', found('lyon'), minute(81))
  expect(state.pending.map(({ what }) => what)).toEqual(['begins', 'ends', 'begins'])
  state = step(state, 'silence', [], minute(90))
  expect(state.pending.at(-1)).toMatchObject({ what: 'ends' })
})

test('an end is told only of what was told', () => {
  const minute = (n: number) => NOW_MS + n * 60e3
  let state = new_()
  for (let n = 0; n < 60; n++) state = step(state, 'count', n % 2 ? [] : found('over'), minute(n))
  expect(state.pending.map(({ what }) => what)).toEqual(['begins', 'ends'])
})

test('what was there before is never told', () => {
  const state = step(new_(), 'newValue', [{ key: 'x', text: null }], NOW_MS)
  expect(step(state, 'newValue', [], NOW_MS).pending).toEqual([])
})

test('a message and the memory are bounded', () => {
  const many = Array.from({ length: 1000 }, (_, i) => `${i}`)
  const state = step(new_(), 'hole', found(...many), NOW_MS)
  expect(state.pending).toHaveLength(PENDING_MAX)
  expect(state.leftOut).toBe(TOLD_MAX - PENDING_MAX)
  expect(Object.keys(state.told)).toHaveLength(TOLD_MAX)
})

test('quiet hours are of a time zone, with its summer time, and may pass midnight', () => {
  const night = { from: '22:00', to: '07:00', timeZone: 'Europe/Berlin' }
  const quiet = (iso: string, given = night) => isQuiet(given, Date.parse(iso))
  expect(['20:59', '21:00', '05:59', '06:00'].map((t) => quiet(`2026-01-15T${t}Z`))).toEqual([
    ...[false, true, true, false],
  ])
  expect(['19:59', '20:00', '04:59', '05:00'].map((t) => quiet(`2026-07-15T${t}Z`))).toEqual([
    ...[false, true, true, false],
  ])
  const noon = { from: '12:00', to: '13:00', timeZone: 'UTC' }
  expect(['11:59', '12:00', '13:00'].map((t) => quiet(`2026-01-15T${t}Z`, noon))).toEqual([
    ...[false, true, false],
  ])
  expect(isQuiet(null, NOW_MS)).toBe(false)
  expect(quietSchema.safeParse({ ...night, timeZone: 'Europe/Nowhere' }).success).toBe(false)
})
