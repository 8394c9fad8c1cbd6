/** The engine under AddressSanitizer and UndefinedBehaviorSanitizer, and its allocations counted. */
import { beforeAll, describe, expect, test } from 'vitest'
import { run } from '../support/lab.js'
import { buildTool } from '../support/native-tool.js'

let driver = ''
beforeAll(async () => {
  driver = await buildTool('engine_driver', [new URL('engine_driver.cc', import.meta.url).pathname])
}, 180_000)

describe('engine, natively', () => {
  test('a steady state allocates nothing: not per packet, session, timer, fragment or eviction', async () => {
    const { stdout } = await run(driver, ['allocations'])
    const { allocations, packets, records, evictions } = JSON.parse(stdout)
    expect({ allocations, packets }).toEqual({ allocations: 0, packets: 240_000 })
    // It was traffic that does all of it.
    expect(records).toBeGreaterThan(10_000)
    expect(evictions).toBeGreaterThan(1000)
  })

  test('without address space: an engine says so, one that works has a full table', async () => {
    const { stdout } = await run(driver, ['no-memory'])
    const { refused, evicted, open, records } = JSON.parse(stdout)
    // The room ended in each part of it: slots, facts, repeats, index, timers, fragments.
    expect(refused).toBeGreaterThan(10)
    expect([evicted > 0, evicted + open, records]).toEqual([true, 20_000, 20_000])
  })

  test('live, a wall clock that is set ends and delays nothing; records keep its times', async () => {
    const { stdout } = await run(driver, ['live-clock'])
    expect(JSON.parse(stdout)).toEqual({
      // Forward by 3 h, back by 6 h, in mid-connection.
      opened: 1,
      spanSeconds: 6 * 3600,
      // Silence of 59 s, then of 61 s, by the monotonic clock.
      openAfter59: 2,
      openAfter61: 1,
    })
  })

  test.each([1, 2, Math.floor(Math.random() * 2 ** 31)])(
    'random packets, seed %i: no invariant breaks, no byte out of bounds',
    async (seed) => {
      const { stdout } = await run(driver, ['soak', String(seed)])
      expect(JSON.parse(stdout).packets).toBeGreaterThan(50_000)
    },
  )
})
