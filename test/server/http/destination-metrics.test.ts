/** What /metrics says of destinations: how far the oldest batch that waits is behind, whichever stream it is of. */
import { expect, test } from 'vitest'
import { changed, LIVE, newState, withBackfill } from '../../../src/server/destinations/progress.js'
import type { DestinationState } from '../../../src/server/destinations/records.js'
import type { ServerContext } from '../../../src/server/http/context.js'
import { destinationMetrics } from '../../../src/server/http/destination-metrics.js'
import { endOfArrival } from '../../../src/server/store/store.js'

const pending = (sinceMs: number) => ({
  pending: { number: 1, to: endOfArrival(1), sessions: 1, sinceMs },
})
const backfill = { fromUs: 0, toUs: 1, upTo: endOfArrival(1), startedAt: '' }
const idle = newState(0)
const filling = withBackfill(withBackfill(idle, backfill), backfill)

function behind(state: DestinationState): string | undefined {
  const courier = { record: { id: 'd1' }, state, attempts: {} }
  const destinations = { mine: () => [courier] } as unknown as ServerContext['destinations']
  const text = destinationMetrics({ destinations, clockMs: () => 100_000 })
  return /^tunmeter_destination_behind_seconds\{destination="d1"\} (.*)$/m.exec(text)?.[1]
}

test.each([
  ['0', 'nothing waits', idle],
  ['0', 'backfills have still to send', filling],
  ['10', 'what arrives waits', changed(filling, LIVE, pending(90_000))],
  ['40', 'a backfill waits', changed(filling, 2, pending(60_000))],
  ['40', 'both wait', changed(changed(filling, 2, pending(60_000)), LIVE, pending(90_000))],
])('%s seconds: %s', (seconds, _, state) => {
  expect(behind(state)).toBe(seconds)
})
