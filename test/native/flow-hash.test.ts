/** The hash of the flow table: keys that are next to each other must not be next to each other in its index. */
import { randomInt } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { run } from '../support/lab.js'
import { buildTool } from '../support/native-tool.js'

let driver = ''
beforeAll(async () => {
  driver = await buildTool('flow_hash_driver', [
    new URL('flow_hash_driver.cc', import.meta.url).pathname,
  ])
}, 180_000)

/** An index that is 3/4 full, searched from random places, takes 1.6 steps to a free one (Knuth, linear probing). */
const STEPS_MAX = 2.5

test.each([1, 2, randomInt(2 ** 31)])('keys in a row make no long runs, seed %d', async (seed) => {
  const { stdout } = await run(driver, [String(seed)])
  expect(Number(stdout)).toBeGreaterThan(0)
  expect(Number(stdout)).toBeLessThan(STEPS_MAX)
})
