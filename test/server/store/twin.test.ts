/**
 * The store against a Map: any order of open, ended, repeated and late reports, over runs, sites and organisations,
 * with restarts in between, must leave the same sessions.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isOpen, type Session } from '../../../src/session/session.js'
import { runPrefix, sessionId } from '../../../src/session/session-id.js'
import { batch, session } from '../../support/batches.js'
import { rounds } from '../../support/rounds.js'
import { ALWAYS, TestStore } from '../../support/store.js'

interface Report {
  readonly place: number
  readonly run: number
  readonly sequence: number
  readonly open: boolean
  readonly packets: number
}
type Step =
  | { readonly kind: 'batch'; readonly reports: readonly Report[]; readonly number: number }
  | { readonly kind: 'restart' }

const RUNS = [1, 2].map((n) => runPrefix(Date.UTC(2026, 10, n), new Uint8Array([n, 0, 0, 0, 9])))
/** One store serves all runs of the property, each with organisations of its own. */
let run = 0
const places = () =>
  [
    [`a${run}`, 1],
    [`a${run}`, 2],
    [`b${run}`, 1],
  ] as const

/** The rule of session.ts in its plainest form. */
function better(old: Session | undefined, next: Session): Session {
  if (old === undefined) return next
  if (isOpen(old) !== isOpen(next)) return isOpen(old) ? next : old
  return next.packetsTx + next.packetsRx > old.packetsTx + old.packetsRx ? next : old
}

function sessionOf(report: Report): Session {
  return session(report.sequence, {
    sessionId: sessionId(RUNS[report.run]!, report.sequence),
    startTimeUs: 1_700_000_000_000_000 + report.sequence,
    endTimeUs: 1_700_000_001_000_000 + report.sequence + report.packets,
    endReason: report.open ? 'activeTimeout' : 'endOfFlowDetected',
    packetsTx: report.packets,
    packetsRx: 1,
  })
}

const report = fc.record({
  place: fc.nat(2),
  run: fc.nat(1),
  // Few ids, some across a page boundary, so that reports meet.
  sequence: fc.oneof(
    fc.integer({ min: 1, max: 6 }),
    fc.integer({ min: 2046, max: 2050 }),
    fc.constant(2 ** 40 - 1),
  ),
  open: fc.boolean(),
  packets: fc.integer({ min: 1, max: 4 }),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      kind: fc.constant('batch' as const),
      reports: fc.array(report, { maxLength: 12 }),
      number: fc.integer({ min: 1, max: 12 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
)

let real: TestStore
beforeAll(async () => {
  real = await TestStore.open()
})
afterAll(() => real.close())

test('the store agrees with a Map', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      async (steps, together) => {
        run++
        const twin = new Map<string, Session>()
        const seen = new Set<string>()
        const waiting: Promise<void>[] = []
        for (const one of steps) {
          if (one.kind === 'restart') {
            await Promise.all(waiting)
            await real.reopen()
            continue
          }
          for (const [place, [orgId, siteId]] of places().entries()) {
            const sessions = one.reports.filter((r) => r.place === place).map(sessionOf)
            const key = `${place}/${one.number}`
            const repeated = seen.has(key)
            seen.add(key)
            if (!repeated)
              for (const s of sessions)
                twin.set(`${place}/${s.sessionId}`, better(twin.get(`${place}/${s.sessionId}`), s))
            const sent = real.send(orgId, siteId, batch(one.number, sessions)).then((receipt) => {
              expect(receipt).toEqual({ batch: one.number, stored: sessions.length, repeated })
            })
            // Either each is awaited, or all wait together and are committed as groups.
            if (together) waiting.push(sent)
            else await sent
          }
        }
        await Promise.all(waiting)
        expect(await contents()).toEqual(expected(twin))
      },
    ),
    { numRuns: rounds(10, 25) },
  )
})

function expected(twin: ReadonlyMap<string, Session>): string[] {
  return [...twin].map(([key, s]) => `${key} ${s.endReason} ${s.packetsTx} ${s.endTimeUs}`).sort()
}

async function contents(): Promise<string[]> {
  const lines: string[] = []
  for (const orgId of [`a${run}`, `b${run}`]) {
    for await (const rows of real.store.rows(orgId, ALWAYS, {
      key: 'startTime',
      descending: false,
    })) {
      for (const r of rows) {
        const place = places().findIndex(([o, s]) => o === r.orgId && s === r.siteId)
        lines.push(`${place}/${r.sessionId} ${r.endReason} ${r.packetsTx} ${r.endTimeUs}`)
      }
    }
  }
  return lines.sort()
}
