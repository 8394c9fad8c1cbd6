import { expect, test } from 'vitest'
import {
  assigner,
  classOf,
  getter,
  picker,
  rowPicker,
  withGetters,
} from '../../src/session/field-code.js'

interface Pair {
  a: number
  b: string | null
}
const PAIR: Pair = { a: 1, b: null }

test('what is named is copied, and nothing else', () => {
  const more = { ...PAIR, other: true }
  expect(getter<Pair, 'a'>('a')(more)).toBe(1)
  expect(picker<Pair, [Pair, Pair]>(['a'], ['b'])(more, { a: 2, b: 'x' })).toEqual({ a: 1, b: 'x' })
  const to = { a: 0, b: 'kept' }
  assigner<Pick<Pair, 'a'>>(['a'])(to, more)
  expect(to).toEqual({ a: 1, b: 'kept' })
  expect(rowPicker<Pair>(['b', 'a'])({ a: [1, 2], b: ['x', null] }, 1)).toEqual({ a: 2, b: null })
  const Made = classOf<Pair>(['b', 'a'])
  expect({ ...new Made([null, 1]) }).toEqual(PAIR)
})

test('a class gets getters that read what it has', () => {
  class Numbers {
    readonly list = [3, 5]
  }
  const More = withGetters<typeof Numbers, { readonly second: number }>(Numbers, [
    ['second', 'this.list[1]'],
  ])
  expect(new More().second).toBe(5)
  expect(new More()).toBeInstanceOf(Numbers)
})

test.each(['', 'a b', 'a;b', '1a', 'a.b', 'a\n'])('%j does not become code', (name) => {
  const names = [name] as never[]
  for (const make of [
    () => getter(name as never),
    () => picker(names),
    () => assigner(names),
    () => rowPicker(names),
    () => classOf(names),
    () => withGetters(Object, [[name as never, '1']]),
  ]) {
    expect(make).toThrow('not a name of a field')
  }
})
