/** Lists of entity tags as RFC 9110 writes them. */
import { expect, test } from 'vitest'
import { entityTags, hasAlready, versionsWanted } from '../../../src/server/http/etags.js'

const strong = (opaque: string) => ({ weak: false, opaque })
const weak = (opaque: string) => ({ weak: true, opaque })

test.each([
  ['"a"', [strong('a')]],
  [' "a" , W/"b",,"c" ', [strong('a'), weak('b'), strong('c')]],
  ['"a,b",""', [strong('a,b'), strong('')]],
  ['"a","a W/"', undefined],
  [' * ', '*'],
  ['*, "a"', undefined],
  ['', undefined],
  [' , ', undefined],
  ['a', undefined],
  ['"a', undefined],
  ['"a" "b"', undefined],
  ['w/"a"', undefined],
])('%j', (text, expected) => {
  expect(entityTags(text)).toEqual(expected)
})

test('If-None-Match compares weakly, and what is no list asks for nothing', () => {
  expect(hasAlready('W/"v1", "v2"', 'v1')).toBe(true)
  expect(hasAlready('"v1,v2"', 'v1')).toBe(false)
  expect(hasAlready('*', 'v1')).toBe(true)
  expect(hasAlready('v1', 'v1')).toBe(false)
  expect(hasAlready(undefined, 'v1')).toBe(false)
})

test('If-Match compares strongly, and what is no list is refused', () => {
  expect(versionsWanted('W/"v1", "v2"')).toEqual(['v2'])
  expect(versionsWanted('W/"v1"')).toEqual([])
  expect(versionsWanted('*')).toBeUndefined()
  expect(versionsWanted(undefined)).toBeUndefined()
  expect(() => versionsWanted('v1')).toThrow(/If-Match: expected/)
})
