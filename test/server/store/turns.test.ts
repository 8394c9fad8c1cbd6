/** One after the other, whatever becomes of them. */
import { expect, test } from 'vitest'
import { Turns } from '../../../src/server/store/turns.js'

test('what fails lets the next one go', async () => {
  const turns = new Turns()
  const ran: number[] = []
  const runs = [1, 2, 3].map((n) =>
    turns.run(async () => {
      ran.push(n)
      if (n === 1) throw new Error('refused')
    }),
  )
  expect([turns.busy, turns.waiting]).toEqual([true, 2])
  await expect(runs[0]).rejects.toThrow('refused')
  await Promise.all(runs.slice(1))
  expect([ran, turns.busy, turns.waiting]).toEqual([[1, 2, 3], false, 0])
  expect(await turns.run(async () => 'free again')).toBe('free again')
  await expect(turns.run(async () => undefined, AbortSignal.abort())).rejects.toThrow('aborted')
})
