/**
 * What meters send to a store that is busy with everything else (busy-worker.ts), batch by batch: always the same under the
 * same number, as a meter sends it that repeats what was not acknowledged.
 *
 *   site 1   sessions of today; each batch also says more of the first session of the one before
 *   site 2   sessions that the retention deletes
 *   site 3   sessions of a person who is erased again and again
 *   site 4   open sessions that the retention deletes, and the ends of those of the batch before
 */
import type { StoredSession } from '../../src/server/store/store.js'
import { session } from './batches.js'
import { stored } from './store.js'

export const ORG = 'acme'
export const GONE = 'gone'
export const SITES = [1, 2, 3, 4] as const
export type SiteId = (typeof SITES)[number]
export const SESSIONS_A_BATCH: Readonly<Record<SiteId, number>> = {
  1: 200,
  2: 2000,
  3: 500,
  4: 200,
}
export const PACKETS = 10
export const MORE_PACKETS = 11
export const NOW_US = Date.UTC(2026, 10, 22, 12) * 1e3
const DAY_US = 86400e6
/** Beyond this the retention deletes. */
export const CUT_US = NOW_US - 30 * DAY_US
export const PHASES = ['retention', 'erase', 'backup', 'export', 'close'] as const
export type Phase = (typeof PHASES)[number]

export function sessionsOf(siteId: SiteId, number: number): StoredSession[] {
  const each = SESSIONS_A_BATCH[siteId]
  const make = (sequence: number, change: Parameters<typeof session>[1] = {}) => {
    const age = siteId === 1 || siteId === 3 ? 1 : 40
    const startTimeUs = NOW_US - age * DAY_US + sequence * 1000
    const times = { startTimeUs, endTimeUs: startTimeUs + 1e6 }
    const user = siteId === 3 ? { clientId: null, userId: GONE } : {}
    const whole = session(sequence, { ...times, packetsTx: PACKETS, ...user, ...change })
    return stored(whole, ORG, siteId, `meter-${siteId}`)
  }
  const fresh = (more = {}) => Array.from({ length: each }, (_, i) => make(number * each + i, more))
  const before = (number - 1) * each
  if (siteId === 1)
    return number === 1 ? fresh() : [...fresh(), make(before, { packetsTx: MORE_PACKETS })]
  if (siteId !== 4) return fresh()
  const ends = number === 1 ? [] : Array.from({ length: each }, (_, i) => make(before + i))
  return [...fresh({ endReason: 'activeTimeout' }), ...ends]
}
