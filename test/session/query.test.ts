/** The log's search language: what is printed is read as the same, and what is typed means what it says. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  parseQuery,
  printQuery,
  QUERY_KEYS,
  QUERY_TERMS_MAX,
  QueryFault,
  type QueryTerm,
} from '../../src/session/query.js'

const word = (text: string, more: Partial<QueryTerm> = {}): QueryTerm => ({
  negated: false,
  key: null,
  operator: ':',
  values: [{ text, quoted: false }],
  ...more,
})

describe('terms', () => {
  test.each<[query: string, terms: QueryTerm[]]>([
    ['', []],
    ['  ada   okafor ', [word('ada'), word('okafor')]],
    ['client:ada-*', [word('ada-*', { key: 'client' })]],
    ['CLIENT:ada', [word('ada', { key: 'client' })]],
    ['bytes>10MB', [word('10MB', { key: 'bytes', operator: '>' })]],
    ['duration<=5m', [word('5m', { key: 'duration', operator: '<=' })]],
    ['-ssh', [word('ssh', { negated: true })]],
    [
      '-resource:"Name server",4',
      [
        {
          negated: true,
          key: 'resource',
          operator: ':',
          values: [
            { text: 'Name server', quoted: true },
            { text: '4', quoted: false },
          ],
        },
      ],
    ],
    // No key: as ever, words.
    ['10.8.0.2:443 [fd00::1]:53 :22', [word('10.8.0.2:443'), word('[fd00::1]:53'), word(':22')]],
    ['a,b - x-y', [word('a,b'), word('-'), word('x-y')]],
    // What is still being typed.
    ['"Name ser', [word('Name ser', { values: [{ text: 'Name ser', quoted: true }] })]],
    ['"a \\" b"', [word('', { values: [{ text: 'a " b', quoted: true }] })]],
  ])('%j', (query, terms) => {
    expect(parseQuery(query)).toEqual(terms)
  })

  test.each([
    ['client:', 'expected a value after client:'],
    ['port:22,', 'expected a value after port:'],
    [
      Array(QUERY_TERMS_MAX + 1)
        .fill('a')
        .join(' '),
      `expected at most ${QUERY_TERMS_MAX} terms`,
    ],
    [`port:${Array(51).fill(1)}`, 'port: expected at most 50 values'],
  ])('%s is refused with a reason', (query, message) => {
    expect(() => parseQuery(query)).toThrow(
      expect.objectContaining({ message, mistake: expect.anything() }),
    )
  })
})

const text = fc.string({ minLength: 1, maxLength: 8, unit: 'binary' })
const typed = fc.oneof(
  text,
  fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom(...'a-":,\\ *<>=') }),
  fc.constantFrom(...QUERY_KEYS.map((key) => `${key}:x`)),
)

test('what is printed is read as the same terms', () => {
  const value = fc.record({ text: typed, quoted: fc.boolean() })
  const term = fc.oneof(
    fc.record({
      negated: fc.boolean(),
      key: fc.constant(null),
      operator: fc.constant(':' as const),
      values: fc.tuple(value),
    }),
    fc.record({
      negated: fc.boolean(),
      key: fc.constantFrom(...QUERY_KEYS),
      operator: fc.constantFrom(':' as const, '>' as const, '>=' as const, '<' as const),
      values: fc.array(value, { minLength: 1, maxLength: 3 }),
    }),
  )
  fc.assert(
    fc.property(fc.array(term, { maxLength: 5 }), (terms) => {
      const read = parseQuery(printQuery(terms))
      const texts = (all: readonly QueryTerm[]) =>
        all.map((one) => ({ ...one, values: one.values.map((v) => v.text) }))
      expect(texts(read)).toEqual(texts(terms))
      // Only what needs quotes gets them, and then keeps them.
      expect(parseQuery(printQuery(read))).toEqual(read)
    }),
  )
})

test('whatever is typed is read, or refused with a reason', () => {
  fc.assert(
    fc.property(fc.array(typed, { maxLength: 12 }), (parts) => {
      const query = parts.join('')
      try {
        const terms = parseQuery(query)
        expect(parseQuery(printQuery(terms))).toEqual(terms)
      } catch (error) {
        expect(error).toBeInstanceOf(QueryFault)
      }
    }),
  )
})
