/** Why an answer is empty: one case for each reason that meters can give. */
import { expect, test } from 'vitest'
import { noticeFor } from '../../../src/server/query/notice.js'
import type { MeterStatus } from '../../../src/server/store/store.js'
import type { MeterReport } from '../../../src/session/batch.js'
import { report } from '../../support/batches.js'
import { ALWAYS } from '../../support/store.js'

const NOW_MS = Date.UTC(2026, 10, 22, 12)

function meter(minutesAgo: number, change: Partial<MeterReport> = {}): MeterStatus {
  return {
    siteId: 1,
    siteName: null,
    meterId: 'm',
    lastBatch: 1,
    receivedAt: new Date(NOW_MS - minutesAgo * 60_000).toISOString(),
    report: report(change),
    openSessions: 0,
    lives: [],
    gaps: [],
    history: [],
  }
}

const ICMP_ONLY = { packets: 9, other: { icmp: { packets: 9, bytes: 900 } } }
const SESSIONS_TOO = { packets: 10, other: { icmp: { packets: 9, bytes: 900 } } }

test.each<[string, MeterStatus[], string, RegExp]>([
  ['a meter that fell silent', [meter(60)], 'siteSilent', /since 2026-11-22T11:00:00/],
  ['pings only', [meter(1, ICMP_ONLY)], 'otherTrafficOnly', /9 packets, but none of a TCP/],
  [
    'sessions that are not kept',
    [meter(1, SESSIONS_TOO)],
    'nothingKept',
    /1 packet of TCP.*30 days/,
  ],
  [
    'a finished replay of sessions that are too old',
    [meter(60, { ...SESSIONS_TOO, replay: 'finished' })],
    'nothingKept',
    /ended before the retention of 30 days/,
  ],
  [
    'a finished replay of pings',
    [meter(60, { ...ICMP_ONLY, replay: 'finished' })],
    'otherTrafficOnly',
    /9 packets/,
  ],
  ['a replay that was killed', [meter(60, { replay: 'running' })], 'siteSilent', /since/],
  [
    'a finished replay beside a silent meter',
    [meter(1, { replay: 'finished' }), meter(60)],
    'siteSilent',
    /T11:00:00/,
  ],
  ['nothing seen', [meter(1, { packets: 0 })], 'nothingYet', /right interface/],
])('%s', (_name, meters, code, message) => {
  const facts = { sessions: 0, oldestUs: null, newestUs: null, inRange: 0 }
  const notice = noticeFor({
    retentionDays: 30,
    keys: [],
    meters,
    store: facts,
    filter: ALWAYS,
    nowMs: NOW_MS,
    silenceMs: 600_000,
  })
  expect(notice.code).toBe(code)
  expect(notice.message).toMatch(message)
})
