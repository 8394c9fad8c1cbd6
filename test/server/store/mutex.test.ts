/** One after the other, whatever becomes of them. */
import { expect, test } from 'vitest'
import { Mutex } from '../../../src/server/store/mutex.js'

test('what fails lets the next one go', async () => {
  const mutex = new Mutex()
  const ran: number[] = []
  const runs = [1, 2, 3].map((n) =>
    mutex.run(async () => {
      ran.push(n)
      if (n === 1) throw new Error('refused')
    }),
  )
  expect([mutex.busy, mutex.waiting]).toEqual([true, 2])
  await expect(runs[0]).rejects.toThrow('refused')
  await Promise.all(runs.slice(1))
  expect([ran, mutex.busy, mutex.waiting]).toEqual([[1, 2, 3], false, 0])
  expect(await mutex.run(async () => 'free again')).toBe('free again')
  await expect(mutex.run(async () => undefined, AbortSignal.abort())).rejects.toThrow('aborted')
})
