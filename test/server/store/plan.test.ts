/** A batch whose rows were made before its turn has the same fate as one whose rows were not. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PAGE_BITS, type Page, set } from '../../../src/server/store/duckdb/write/known-ids.js'
import {
  endedRows,
  Fate,
  Plan,
  pagesOf,
  type SiteSessions,
} from '../../../src/server/store/duckdb/write/plan.js'
import type { StoredSession } from '../../../src/server/store/store.js'
import { runPrefix, sessionId } from '../../../src/session/session-id.js'
import { session } from '../../support/batches.js'
import { stored } from '../../support/store.js'

const RUN = runPrefix(Date.UTC(2026, 10, 1), new Uint8Array(5))
const SEQUENCE_MAX = 8

interface Given {
  readonly sequence: number
  readonly start: number
  readonly open: boolean
  readonly packets: number
}

const given: fc.Arbitrary<Given> = fc.record({
  sequence: fc.integer({ min: 1, max: SEQUENCE_MAX }),
  start: fc.nat(5),
  open: fc.boolean(),
  packets: fc.integer({ min: 1, max: 3 }),
})
const sequences = fc.uniqueArray(fc.integer({ min: 1, max: SEQUENCE_MAX }), { maxLength: 3 })

function sessionOf({ sequence, start, open, packets }: Given): StoredSession {
  const startTimeUs = Date.UTC(2026, 10, 1) * 1e3 + start
  const change = {
    sessionId: sessionId(RUN, sequence),
    startTimeUs,
    endTimeUs: startTimeUs + 10,
    packetsTx: packets,
    endReason: open ? ('activeTimeout' as const) : ('idleTimeout' as const),
  }
  return stored(session(sequence, change), 'acme', 1, 'meter-1')
}

interface Fates {
  readonly append: readonly StoredSession[]
  readonly open: readonly StoredSession[]
  readonly revise: readonly StoredSession[]
  /** Of those that were open before: nothing is found of others. */
  readonly closed: readonly StoredSession[]
  readonly pages: readonly Page[]
}

function fatesOf(
  group: readonly SiteSessions[],
  known: { ended: readonly number[]; open: readonly number[] },
): Fates {
  const pages = new Map<string, Page>()
  for (const key of pagesOf(group).keys()) {
    const page = { ended: new Uint32Array(PAGE_BITS / 32), open: new Uint32Array(PAGE_BITS / 32) }
    for (const sequence of known.ended) set(page.ended, sequence)
    for (const sequence of known.open) set(page.open, sequence)
    pages.set(key, page)
  }
  const plan = new Plan(pages)
  for (const one of group) plan.add(one, 0)
  const wasOpen = new Set(known.open.map((sequence) => sessionId(RUN, sequence)))
  return {
    open: plan.of(Fate.open),
    revise: plan.of(Fate.revise),
    closed: plan.closed.filter(({ sessionId: id }) => wasOpen.has(id)),
    append: plan.takeAppended().flatMap((rows) => rows.sessions),
    pages: [...pages.values()],
  }
}

test('rows that were made before change nothing', () => {
  let whole = 0
  let parted = 0
  fc.assert(
    fc.property(
      fc.array(fc.array(given, { maxLength: 6 }), { minLength: 1, maxLength: 4 }),
      fc.record({ ended: sequences, open: sequences }),
      fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      (batches, known, isMade) => {
        const plain = batches.map((records): SiteSessions => {
          return { orgId: 'acme', siteId: 1, sessions: records.map(sessionOf) }
        })
        const made = plain.map((one, i): SiteSessions => {
          return isMade[i] === true ? { ...one, ended: endedRows(one.sessions) } : one
        })
        const fates = fatesOf(made, known)
        expect(comparable(fates)).toEqual(comparable(fatesOf(plain, known)))
        for (const { ended } of made) {
          if (ended === undefined || ended.sessions.length === 0) continue
          if (ended.sessions.every((s) => fates.append.includes(s))) whole++
          else parted++
        }
      },
    ),
    { numRuns: 2000 },
  )
  // Both have been met.
  expect(Math.min(whole, parted)).toBeGreaterThan(100)
})

/** Their order does not matter, nor which of two equal records of one id stays. */
function comparable({ pages, ...fates }: Fates): unknown {
  const texts = Object.values(fates).map((sessions: readonly StoredSession[]) =>
    sessions.map((s) => `${s.sessionId} ${s.packetsTx}`).sort(),
  )
  return { texts, pages }
}
