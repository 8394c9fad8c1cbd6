import { expect, test } from 'vitest'
import { inTurns } from '../../src/base/in-turns.js'

test('others have their turn between so many of a list, and all of it comes in order', async () => {
  let turns = 0
  let timer: NodeJS.Immediate
  const others = () => {
    turns++
    timer = setImmediate(others)
  }
  timer = setImmediate(others)
  const list = Array.from({ length: 1000 }, (_, i) => `s${i}`)
  const seen: [number, string][] = []
  for await (const one of inTurns(list, 100)) seen.push(one)
  clearImmediate(timer)
  expect(seen).toEqual([...list.entries()])
  expect(turns).toBe(9)
})
