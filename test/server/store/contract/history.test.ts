/**
 * Any order of open, ended, repeated and late reports, over runs, sites and organisations, with restarts of the store and
 * of the meters, silence, retention, erasure, changes of names and the closing of interrupted sessions in between: the
 * engine answers as the store in memory does.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Session } from '../../../../src/session/session.js'
import { runPrefix, sessionId } from '../../../../src/session/session-id.js'
import { batch, report, session } from '../../../support/batches.js'
import { rounds } from '../../../support/rounds.js'
import { ALWAYS, stored } from '../../../support/store.js'
import { ENGINES, type Engine } from './engines.js'

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
  | { readonly kind: 'silence' }
  | { readonly kind: 'close' }
  | { readonly kind: 'expire'; readonly sequence: number }
  | { readonly kind: 'erase' | 'name'; readonly client: number }

const RUNS = [1, 2].map((n) => runPrefix(Date.UTC(2026, 10, n), new Uint8Array([n, 0, 0, 0, 9])))
/** One engine serves all rounds of the property, each with organisations of its own. */
let round = 0
const organisations = () => [`a${round}`, `b${round}`]
const places = () =>
  [
    [`a${round}`, 1],
    [`a${round}`, 2],
    [`b${round}`, 1],
  ] as const

const END_US = 1_700_000_001_000_000
const USAGE = { fromMonth: '2023-01', toMonth: '2023-12', groupBy: 'client' } as const

function sessionOf(given: Report): Session {
  return session(given.sequence, {
    sessionId: sessionId(RUNS[given.run]!, given.sequence),
    startTimeUs: 1_700_000_000_000_000 + given.sequence,
    endTimeUs: END_US + given.sequence + given.packets,
    endReason: given.open ? 'activeTimeout' : 'endOfFlowDetected',
    packetsTx: given.packets,
    packetsRx: 1,
    clientId: 1 + (given.sequence % 3),
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
const kind = <K extends string>(name: K) => fc.record({ kind: fc.constant(name) })
const client = fc.integer({ min: 1, max: 3 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('batch' as const),
      reports: fc.array(anyReport, { maxLength: 12 }),
      number: fc.integer({ min: 1, max: 12 }),
    }),
  },
  { weight: 1, arbitrary: kind('restart') },
  { weight: 1, arbitrary: kind('meters') },
  { weight: 1, arbitrary: kind('silence') },
  { weight: 2, arbitrary: kind('close') },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('expire' as const),
      sequence: fc.constantFrom(4, 2048, 3000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('erase', 'name'), client }) },
)

let engines: Engine[]
beforeAll(async () => {
  engines = await Promise.all(Object.values(ENGINES).map((open) => open()))
})
afterAll(() => Promise.all(engines.map((engine) => engine.close())))

test('whatever happens, the engines say the same', { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      fc.constantFrom(1000, -1000),
      async (steps, together, clockStepMs) => {
        round++
        const history = new History(clockStepMs)
        const waiting: Promise<void>[] = []
        for (const one of steps) {
          if (one.kind !== 'batch') {
            await Promise.all(waiting.splice(0))
            await history.step(one)
            continue
          }
          for (const place of places().keys()) {
            const sent = history.send(place, one)
            // Either each is awaited, or all wait together and are committed as groups.
            if (together) waiting.push(sent)
            else await sent
          }
        }
        await Promise.all(waiting)
        await same(contents)
      },
    ),
    { numRuns: rounds(10, 25) },
  )
})

/** @returns what the engines answer, all of them. */
async function same<T>(ask: (engine: Engine) => Promise<T>): Promise<T> {
  const [right, ...others] = await Promise.all(engines.map(ask))
  for (const other of others) expect(other).toEqual(right)
  return right!
}

class History {
  #life = 0
  /** Ids that were deleted may be known to an engine or not: they stay out. */
  readonly #deleted = new Set<string>()
  /** From the start of one run to that of the next, by the meters' clocks. */
  readonly #clockStepMs: number

  constructor(clockStepMs: number) {
    this.#clockStepMs = clockStepMs
  }

  async send(
    place: number,
    { reports, number }: Pick<Step & { kind: 'batch' }, 'reports' | 'number'>,
  ) {
    const [orgId, siteId] = places()[place]!
    const given = batch(number, [], this.#report())
    const sessions = reports
      .filter((r) => r.place === place)
      .map((r) => stored(sessionOf(r), orgId, siteId, given.meterId))
      .filter((s) => !this.#deleted.has(`${orgId} ${siteId} ${s.sessionId}`))
    await same(({ store }) => store.write({ orgId, siteId, batch: given, sessions }))
  }

  async step(one: Exclude<Step, { kind: 'batch' }>): Promise<void> {
    const [orgId = ''] = organisations()
    switch (one.kind) {
      case 'restart':
        for (const engine of engines) await engine.restart()
        return
      case 'meters':
        this.#life++
        for (const place of places().keys())
          await this.send(place, { reports: [], number: 100 + this.#life })
        return
      case 'silence':
        for (const engine of engines) engine.nowUs += 660e6
        return
      case 'close':
        await same(({ store }) => store.closeInterrupted())
        return
      case 'name': {
        const clients = [{ clientId: one.client, name: `N${this.#life}`, addresses: [] }]
        const catalog = { clients, users: [], sites: [], resources: [] }
        for (const { store } of engines) await store.putCatalog(orgId, catalog)
        return
      }
      case 'expire':
        await this.#delete(({ store }) => store.expire(orgId, END_US + one.sequence))
        return
      case 'erase':
        await this.#delete(({ store }) => store.erase(orgId, { clientId: one.client }))
    }
  }

  async #delete(work: (engine: Engine) => Promise<number>): Promise<void> {
    const [orgId = ''] = organisations()
    const ids = async () => {
      const lines = await engines[0]!.lines(orgId)
      return lines.map((line) => `${orgId} ${line.split(' ').slice(0, 2).join(' ')}`)
    }
    const before = await ids()
    const deleted = await same(work)
    const after = new Set(await ids())
    const gone = before.filter((id) => !after.has(id))
    expect(gone.length).toBe(deleted)
    for (const id of gone) this.#deleted.add(id)
  }

  #report() {
    const startedAt = new Date(
      Date.UTC(2026, 10, 21) + this.#life * this.#clockStepMs,
    ).toISOString()
    return { report: report({ startedAt }) }
  }
}

async function contents({ store, lines }: Engine): Promise<unknown> {
  const all: unknown[] = []
  for (const orgId of organisations()) {
    const used = await store.usage(orgId, USAGE)
    const lost = await store.gaps(orgId, 0, Date.UTC(2030, 0) * 1e3)
    const counts = (['open', 'ended', 'interrupted'] as const).map((state) =>
      store.count(orgId, { ...ALWAYS, state }),
    )
    all.push({
      lines: await lines(orgId),
      counts: await Promise.all(counts),
      usage: used.map((u) => `${u.month} ${u.id} ${u.sessions} ${u.bytesTx}`).sort(),
      lost: sumsOf(lost.filter(({ reason }) => reason === 'erased')),
    })
  }
  return all
}

/** An engine may tell one loss in several parts. */
function sumsOf(lost: readonly { siteId: number; sessions: number | null }[]): [number, number][] {
  const sums = new Map<number, number>()
  for (const { siteId, sessions } of lost)
    sums.set(siteId, (sums.get(siteId) ?? 0) + (sessions ?? 0))
  return [...sums].sort()
}
