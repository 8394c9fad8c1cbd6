import { expect, test } from 'vitest'
import { Words } from '../../src/store/duckdb/words.js'

test('words of thousands of keys are found again, also where keys meet in one slot', () => {
  const words = new Words()
  const keys = Array.from({ length: 3000 }, (_, i) => (i % 7 === 0 ? i : i * 2 ** 22 + i))
  for (const key of keys) expect(words.add(key, `text ${key}`)).toBe(true)
  expect(keys.map((key) => words.get(key).text)).toEqual(keys.map((key) => `text ${key}`))
})

test('a key of two texts is told, and NULL is no text', () => {
  const words = new Words()
  expect(words.has(5)).toBe(false)
  expect(words.add(5, 'a')).toBe(true)
  expect(words.has(5)).toBe(true)
  expect(words.add(5, 'a')).toBe(true)
  expect(words.add(5, 'b')).toBe(false)
  expect(words.add(6, null)).toBe(true)
  expect(words.add(6, '')).toBe(false)
  const { eights, length } = words.get(5).cell
  expect(Buffer.from(eights.buffer, 0, length).toString()).toBe('a,')
})
