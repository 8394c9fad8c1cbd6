/** The start of an interface's metering, with a capture that opens late. */
import { expect, test, vi } from 'vitest'
import { createLogger } from '../../../src/base/log.js'
import { Observation } from '../../../src/meter/run/observation.js'

/** Packets go on passing while the capture opens: at each look. */
const line = vi.hoisted(() => ({ passed: 0, looks: 0, openedAt: Number.POSITIVE_INFINITY }))

vi.mock('../../../src/meter/capture/links.js', async (original) => ({
  ...(await original<typeof import('../../../src/meter/capture/links.js')>()),
  findLinkNow: () => ({
    ...{ index: 7, type: 1, rxPackets: line.passed, txPackets: 0, rxDropped: 0, txDropped: 0 },
    ...{ rxBytes: line.passed * 100, txBytes: 0 },
  }),
}))

vi.mock('../../../src/meter/capture/flow-meter.js', () => ({
  FlowMeter: class {
    readonly oldestEpoch = 0
    readonly givenMs = Number.POSITIVE_INFINITY
    counters() {
      if (line.looks++ < LOOKS_UNTIL_OPEN) line.passed += 10
      else line.openedAt = Math.min(line.openedAt, line.passed)
      const packets = Math.max(0, line.passed - line.openedAt)
      return {
        ...{ state: 'running', gone: null, reopened: 0, errors: [], recordsDropped: 0 },
        ...{ engineTimeUs: line.openedAt <= line.passed ? 1 : null, packets, bytes: packets * 100 },
        ...{ kernelDropped: 0, interfaceDropped: 0, other: {}, pending: { packets: 0, bytes: 0 } },
      }
    }
    async *records() {}
    beginEpoch() {}
    async epochBegun() {}
    setInside() {}
    async stop() {}
  },
}))

const LOOKS_UNTIL_OPEN = 5

test('packets that pass until the capture is open are not unexplained', async () => {
  const observation = new Observation({
    ...{ interfaceName: 'wg-none', engine: {}, capture: {}, peersEveryMs: 60_000, catalog: null },
    ...{ siteId: null, log: createLogger('silent'), onSession: () => {}, onLoss: () => {} },
    relieved: async () => {},
  })
  await observation.start()
  expect(line.openedAt).toBe(50)
  // As many pass as are metered.
  line.passed += 1000
  for (let second = 0; second < 3; second++) observation.check()
  const { unexplainedPacketsMin, unexplainedPacketsMax } = observation.reconciliation()
  expect(unexplainedPacketsMin).toBeLessThanOrEqual(0)
  expect(unexplainedPacketsMax).toBeGreaterThanOrEqual(0)
  await observation.stop()
})
