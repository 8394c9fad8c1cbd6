import { expect, test } from 'vitest'
import { MESSAGE_BYTES_MAX, printable } from '../../src/base/printable.js'

test.each([
  ['refused: naïve, 日本 🙂', 'refused: naïve, 日本 🙂'],
  ['a\nb\u001b[31mc\u0000', 'a?b?[31mc?'],
  ['half \ud800 of one', 'half ? of one'],
  ['turned \u202e round', 'turned ? round'],
  ['', ''],
])('%j is shown as %j', (text, shown) => {
  expect(printable(text)).toBe(shown)
})

test.each(['m', 'é', '日', '🙂'])('a long text of %s is cut at a whole character', (character) => {
  const shown = printable(character.repeat(1_000_000))
  expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(MESSAGE_BYTES_MAX)
  expect(Buffer.byteLength(shown)).toBeGreaterThan(MESSAGE_BYTES_MAX - 8)
  expect(shown).toMatch(new RegExp(`^(${character})+…$`, 'u'))
})

test('a text of exactly the bound is kept', () => {
  expect(printable('x'.repeat(MESSAGE_BYTES_MAX))).toBe('x'.repeat(MESSAGE_BYTES_MAX))
})
