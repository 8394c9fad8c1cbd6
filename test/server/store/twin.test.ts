/**
 * The store against a Map: any order of open, ended, repeated and late reports, over runs, sites and organisations,
 * with restarts of the store and of the meters, retention and the closing of interrupted sessions in between, must
 * leave the same sessions.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isOpen, type Session } from '../../../src/session/session.js'
import { runPrefix, sessionId } from '../../../src/session/session-id.js'
import { batch, report, session } from '../../support/batches.js'
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
  /** The meters start again: what they had reported as open is interrupted. */
  | { readonly kind: 'meters' }
  | { readonly kind: 'close' }
  | { readonly kind: 'expire'; readonly sequence: number }

interface Kept {
  readonly session: Session
  /** The meters' run that reported it. */
  readonly life: number
  /** closeInterrupted() has moved it. */
  readonly closed: boolean
}

const RUNS = [1, 2].map((n) => runPrefix(Date.UTC(2026, 10, n), new Uint8Array([n, 0, 0, 0, 9])))
/** One store serves all runs of the property, each with organisations of its own. */
let run = 0
const places = () =>
  [
    [`a${run}`, 1],
    [`a${run}`, 2],
    [`b${run}`, 1],
  ] as const

/** The rule of session.ts in its plainest form; a real end replaces one that was closed. */
function better(old: Kept | undefined, next: Kept): Kept {
  if (old === undefined) return next
  if (old.closed) return isOpen(next.session) ? old : next
  if (isOpen(old.session) !== isOpen(next.session)) return isOpen(old.session) ? next : old
  return packets(next) > packets(old) ? next : old
}

function packets({ session: { packetsTx, packetsRx } }: Kept): number {
  return packetsTx + packetsRx
}

const END_US = 1_700_000_001_000_000

function sessionOf(given: Report): Session {
  return session(given.sequence, {
    sessionId: sessionId(RUNS[given.run]!, given.sequence),
    startTimeUs: 1_700_000_000_000_000 + given.sequence,
    endTimeUs: END_US + given.sequence + given.packets,
    endReason: given.open ? 'activeTimeout' : 'endOfFlowDetected',
    packetsTx: given.packets,
    packetsRx: 1,
  })
}

const anyReport = fc.record({
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
      reports: fc.array(anyReport, { maxLength: 12 }),
      number: fc.integer({ min: 1, max: 12 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'meters' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'close' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('expire' as const),
      sequence: fc.constantFrom(4, 2048, 3000),
    }),
  },
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
      fc.constantFrom(1000, -1000),
      async (steps, together, clockStepMs) => {
        run++
        const twin = new Twin(clockStepMs)
        const waiting: Promise<void>[] = []
        for (const one of steps) {
          if (one.kind !== 'batch') {
            await Promise.all(waiting.splice(0))
            await twin.step(one)
            continue
          }
          for (const place of places().keys()) {
            const sent = twin.send(place, one)
            // Either each is awaited, or all wait together and are committed as groups.
            if (together) waiting.push(sent)
            else await sent
          }
        }
        await Promise.all(waiting)
        expect(await contents()).toEqual(twin.lines())
      },
    ),
    { numRuns: rounds(10, 25) },
  )
})

/** What the store does, done with a Map too. */
class Twin {
  #life = 0
  readonly #kept = new Map<string, Kept>()
  readonly #seen = new Set<string>()
  /** Their ids may be known to the store or not: they stay out. */
  readonly #deleted = new Set<string>()
  /** From the start of one run to that of the next, by the meters' clocks. */
  readonly #clockStepMs: number

  constructor(clockStepMs: number) {
    this.#clockStepMs = clockStepMs
  }

  async send(place: number, { reports, number }: Step & { kind: 'batch' }): Promise<void> {
    const [orgId, siteId] = places()[place]!
    const keyOf = (s: Session) => `${place}/${s.sessionId}`
    const sessions = reports
      .filter((r) => r.place === place)
      .map(sessionOf)
      .filter((s) => !this.#deleted.has(keyOf(s)))
    const repeated = this.#seen.has(`${place}/${number}`)
    this.#seen.add(`${place}/${number}`)
    if (!repeated) {
      for (const s of sessions) {
        const next = { session: s, life: this.#life, closed: false }
        this.#kept.set(keyOf(s), better(this.#kept.get(keyOf(s)), next))
      }
    }
    const receipt = await real.send(orgId, siteId, batch(number, sessions, this.#report()))
    expect(receipt).toEqual({ batch: number, stored: sessions.length, repeated })
  }

  async step(one: Exclude<Step, { kind: 'batch' }>): Promise<void> {
    switch (one.kind) {
      case 'restart':
        return real.reopen()
      case 'meters':
        this.#life++
        for (const [orgId, siteId] of places())
          await real.send(orgId, siteId, batch(100 + this.#life, [], this.#report()))
        return
      case 'close':
        await real.store.closeInterrupted()
        for (const [key, kept] of this.#kept)
          if (this.#isInterrupted(kept)) this.#kept.set(key, { ...kept, closed: true })
        return
      case 'expire': {
        const beforeUs = END_US + one.sequence
        for (const orgId of organisations()) await real.store.expire(orgId, beforeUs)
        for (const [key, { session: s }] of this.#kept) {
          if (s.endTimeUs >= beforeUs) continue
          this.#kept.delete(key)
          this.#deleted.add(key)
        }
      }
    }
  }

  /** As contents() has them. */
  lines(): string[] {
    return [...this.#kept]
      .map(([key, kept]) => {
        const { endReason, packetsTx, endTimeUs } = kept.session
        return `${key} ${endReason} ${packetsTx} ${endTimeUs} ${this.#isInterrupted(kept)}`
      })
      .sort()
  }

  #isInterrupted({ session: s, life, closed }: Kept): boolean {
    return isOpen(s) && (closed || life < this.#life)
  }

  #report() {
    const startedAt = new Date(
      Date.UTC(2026, 10, 21) + this.#life * this.#clockStepMs,
    ).toISOString()
    return { report: report({ startedAt }) }
  }
}

const organisations = () => [`a${run}`, `b${run}`]

async function contents(): Promise<string[]> {
  const lines: string[] = []
  for (const orgId of organisations()) {
    for await (const rows of real.store.rows(orgId, ALWAYS, {
      key: 'startTime',
      descending: false,
    })) {
      for (const r of rows) {
        const place = places().findIndex(([o, s]) => o === r.orgId && s === r.siteId)
        lines.push(
          `${place}/${r.sessionId} ${r.endReason} ${r.packetsTx} ${r.endTimeUs} ${r.interrupted}`,
        )
      }
    }
  }
  return lines.sort()
}
