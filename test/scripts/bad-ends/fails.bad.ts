import { expect, test } from 'vitest'

test('one is one', () => expect(1).toBe(1))
test('one is two', () => expect(1).toBe(2))
test.skip('one is three', () => expect(1).toBe(3))
test('a promise is left behind', () => void Promise.reject(new Error('nobody waits for it')))
