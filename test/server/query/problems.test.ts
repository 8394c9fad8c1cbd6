/** What is wrong with a meter: codes and numbers, and sentences that are right for one and for many. */
import { expect, test } from 'vitest'
import { problemsOf } from '../../../src/server/query/problems.js'
import type { MeterStatus } from '../../../src/server/store/store.js'
import type { MeterReport } from '../../../src/session/batch.js'
import { report } from '../../support/batches.js'

const NOW_MS = Date.UTC(2026, 10, 22, 12)
const MOMENT = { nowMs: NOW_MS, silenceMs: 300_000 }
const MINUTE = 60_000

function meter(change: Partial<MeterReport>, secondsAgo = 1, lost = 0): MeterStatus {
  const receivedAt = new Date(NOW_MS - secondsAgo * 1000).toISOString()
  const gap = { siteId: 1, meterId: 'm', reason: 'missing', sessions: null }
  return {
    siteId: 1,
    siteName: null,
    meterId: 'm',
    lastBatch: 1,
    receivedAt,
    report: report({ at: receivedAt, ...change }),
    openSessions: 0,
    lives: [],
    gaps:
      lost === 0
        ? []
        : [{ ...gap, fromBatch: 2, toBatch: 1 + lost, from: receivedAt, to: receivedAt }],
    history: [],
  }
}

const spool = (change: object) => ({ spool: { batches: 0, bytes: 0, quarantined: 0, ...change } })

test.each<[MeterStatus, object, string]>([
  [meter({}, 1440 * 60), { code: 'silent', seconds: 86_400 }, 'Silent for 24 hours.'],
  [meter({}, 3 * 86_400), { code: 'silent', seconds: 259_200 }, 'Silent for 3 days.'],
  // The server's clock was a day ahead when it came.
  [meter({}, -1440 * 60), { code: 'silent', seconds: 86_400 }, 'Silent for 24 hours.'],
  [
    meter({ at: new Date(NOW_MS + 5 * MINUTE).toISOString() }, 0),
    { code: 'clockAhead', seconds: 300 },
    "Its clock is 5 minutes ahead of the server's.",
  ],
  [
    meter({ packetsDropped: 1 }),
    { code: 'packetsDropped', count: 1 },
    '1 packet was dropped before the meter could read it: sessions of that time may be short.',
  ],
  [
    meter({ sessionsDropped: { spoolFull: 5_894_687, recordQueueFull: 0 } }),
    { code: 'sessionsDropped', count: 5_894_687, reason: 'spoolFull' },
    '5,894,687 sessions were lost in the meter (spoolFull).',
  ],
  [
    meter(spool({ batches: 5_894_687 })),
    { code: 'backlog', count: 5_894_687 },
    '5,894,687 batches wait in its spool: delivery is behind.',
  ],
  [
    meter(spool({ quarantined: 1 })),
    { code: 'quarantined', count: 1 },
    '1 batch was refused and quarantined; see tunmeter spool.',
  ],
  [meter({}, 1, 1), { code: 'batchesMissing', count: 1 }, '1 batch has not come.'],
  [meter({}, 1, 2000), { code: 'batchesMissing', count: 2000 }, '2,000 batches have not come.'],
])('%#', (status, expected, message) => {
  expect(problemsOf(status, [status], MOMENT)).toEqual([{ ...expected, message }])
})

test('a meter that is well has none', () => {
  const status = meter({})
  expect(problemsOf(status, [status], MOMENT)).toEqual([])
})
