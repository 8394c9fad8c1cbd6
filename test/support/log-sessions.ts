/** What meter `siteId` sends as its batch `number`: new sessions, and one of the batch before with more packets. */
import type { StoredSession } from '../../src/server/store/store.js'
import { session } from './batches.js'
import { stored } from './store.js'

export const SESSIONS_A_BATCH = 100
export const PACKETS = 10
export const MORE_PACKETS = 11

export function logSessions(siteId: number, number: number, first: number): StoredSession[] {
  const make = (sequence: number, packetsTx: number) =>
    stored(session(sequence, { packetsTx }), 'acme', siteId, `meter-${siteId}`)
  const fresh = Array.from({ length: SESSIONS_A_BATCH }, (_, i) =>
    make(number * SESSIONS_A_BATCH + i, PACKETS),
  )
  return number === first ? fresh : [...fresh, make((number - 1) * SESSIONS_A_BATCH, MORE_PACKETS)]
}
