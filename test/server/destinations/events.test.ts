/** The texts of events: cut out of one text of all, whatever their values hold. */
import { expect, test } from 'vitest'
import {
  fitting,
  joined,
  jsonOf,
  type Presenter,
  testRow,
} from '../../../src/server/destinations/events.js'

/** Values that look like the border of two events. */
const BORDERS = [
  '},{',
  '},{"a":',
  '"},{"a":1',
  '\\"},{"a":',
  '},{\\"a\\":',
  '"',
  '\\',
  '{"a":"},{"',
  '',
]

test('each event keeps its text, also one that looks like the border of two', () => {
  const values = [...BORDERS, ...BORDERS.map((one) => [one]), 1, null, true, { a: '},{' }]
  for (const first of values)
    for (const second of values) {
      const events = [first, second, first].map((a) => ({ a, b: second }))
      expect(jsonOf(events)).toEqual(events.map((event) => JSON.stringify(event)))
    }
  expect(jsonOf([])).toEqual([])
  expect(jsonOf([{ a: 1 }])).toEqual(['{"a":1}'])
})

test('an attempt has the events that fit, at least one, however many are made at once', () => {
  const present: Presenter = (rows) => ({
    ...{ rows, events: rows.map(({ sessionId }) => sessionId.padEnd(9, 'ü')) },
  })
  const rows = Array.from({ length: 350 }, (_, i) => ({
    ...testRow('acme', 0),
    sessionId: String(1000 + i),
  }))
  // Four digits, five letters of two bytes, a line end.
  const bytes = 4 + 10 + 1
  const count = (eventsMax: number, bytesMax: number) =>
    fitting(rows, present, { eventsMax, bytesMax }).rows.map(({ sessionId }) => sessionId)
  const all = rows.map(({ sessionId }) => sessionId)
  expect(count(1000, 1e6)).toEqual(all)
  expect(count(250, 1e6)).toEqual(all.slice(0, 250))
  expect(count(1000, 201 * bytes)).toEqual(all.slice(0, 201))
  expect(count(1000, 201 * bytes - 1)).toEqual(all.slice(0, 200))
  expect(count(1000, 1)).toEqual(all.slice(0, 1))
})

test('joined texts are those of join(), in UTF-8', () => {
  for (const texts of [[], ['a'], ['ü', '', '日本']])
    expect(joined(texts, '; ', '\n').toString()).toBe(`${texts.join('; ')}\n`)
})
