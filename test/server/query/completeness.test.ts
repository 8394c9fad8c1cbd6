/** Whether the answer to "is anything missing?" is right, over a real store; the truth is what each test did. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { completenessOf, type Hole, union } from '../../../src/server/query/completeness.js'
import { completenessAnswer } from '../../../src/server/query/completeness-answer.js'
import type { Span } from '../../../src/server/store/store.js'
import type { Batch, MeterReport } from '../../../src/session/batch.js'
import { batch, report, session } from '../../support/batches.js'
import { randomOf } from '../../support/office.js'
import { TestStore } from '../../support/store.js'

const MINUTE_US = 60e6
const SILENCE_US = 600e6
const T0_US = Date.UTC(2026, 10, 27, 2) * 1e3

let t: TestStore
beforeEach(async () => {
  t = await TestStore.open()
  t.nowUs = T0_US
})
afterEach(() => t.close())

const iso = (us: number) => new Date(us / 1e3).toISOString()
const at = (minutes: number) => T0_US + minutes * MINUTE_US

/** A meter whose reports a test makes one by one. */
class SimulatedMeter {
  #batch = 0
  #startedUs = 0
  readonly meterId: string
  readonly siteId: number

  constructor(meterId: string, siteId = 1) {
    this.meterId = meterId
    this.siteId = siteId
  }

  start(us: number): void {
    this.#startedUs = us
  }

  /** A batch that never comes. */
  lose(): void {
    this.#batch++
  }

  make(us: number, change: Partial<MeterReport> = {}, more: Partial<Batch> = {}): Batch {
    this.#batch++
    const its = report({ startedAt: iso(this.#startedUs), at: iso(us), ...change })
    return batch(this.#batch, [], { meterId: this.meterId, spoolId: 's1', report: its, ...more })
  }

  async report(us: number, change: Partial<MeterReport> = {}, more: Partial<Batch> = {}) {
    t.nowUs = us
    await t.send('acme', this.siteId, this.make(us, change, more))
  }
}

/** One run that reports each minute of the range; `reports` may leave some out. */
async function run(meter: SimulatedMeter, from: number, to: number) {
  meter.start(at(from))
  for (let minute = from; minute <= to; minute++) await meter.report(at(minute))
}

async function ask(from: number, to: number, siteIds: readonly number[] = [], removedUs?: number) {
  const range: Span = { fromUs: at(from), toUs: at(to) }
  const coverage = await t.store.coverage('acme', range, siteIds.length > 0 ? siteIds : undefined)
  const meters = coverage.meters.map((m) => (removedUs === undefined ? m : { ...m, removedUs }))
  return completenessOf(
    { ...coverage, meters },
    {
      range,
      nowUs: t.nowUs,
      silenceUs: SILENCE_US,
      siteIds: [...siteIds],
    },
  )
}

/** cause, from and to in minutes. */
function shown(holes: readonly Hole[]): unknown[] {
  const minutes = (us: number): number => Math.round(((us - T0_US) / MINUTE_US) * 10) / 10
  return holes.map((h) => [h.cause, minutes(h.fromUs), minutes(h.toUs)])
}
const holesOf = async (from: number, to: number) =>
  shown((await ask(from, to))[0]!.meters.flatMap((m) => m.holes))

describe('the holes of one meter', () => {
  test('a run that reports has none, and is judged until its newest report', async () => {
    await run(new SimulatedMeter('m'), 0, 20)
    t.nowUs = at(25)
    const [site] = await ask(2, 60)
    expect(site).toMatchObject({ siteId: 1, complete: true })
    expect(site!.meters[0]).toMatchObject({ holes: [], untilUs: at(20), coveredUs: 18 * MINUTE_US })
  })

  test('before its first start it watched nothing', async () => {
    await run(new SimulatedMeter('m'), 10, 20)
    expect(await holesOf(0, 15)).toEqual([['notWatched', 0, 10]])
  })

  test('stopped, killed or rebooted: until the next start it is not metered, whatever the range', async () => {
    const meter = new SimulatedMeter('m')
    await run(meter, 0, 10)
    await run(meter, 35, 50)
    expect(await holesOf(0, 50)).toEqual([['unmetered', 10, 35]])
    expect(await holesOf(0, 10)).toEqual([])
    expect(await holesOf(35, 50)).toEqual([])
    expect(await holesOf(20, 30)).toEqual([['unmetered', 20, 30]])
    await t.reopen()
    expect(await holesOf(0, 50)).toEqual([['unmetered', 10, 35]])
  })

  test('of many runs only those of the range count, whichever it is', async () => {
    const meter = new SimulatedMeter('m')
    for (const minute of [0, 10, 20, 30, 40]) {
      meter.start(at(minute))
      await meter.report(at(minute + 5))
    }
    expect(await holesOf(6, 9)).toEqual([['unmetered', 6, 9]])
    expect(await holesOf(12, 33)).toEqual([
      ['unmetered', 15, 20],
      ['unmetered', 25, 30],
    ])
    expect(await holesOf(21, 24)).toEqual([])
    expect(await holesOf(-5, 3)).toEqual([['notWatched', -5, 0]])
  })

  test('the meter’s own account of that time gives the hole its bytes', async () => {
    const meter = new SimulatedMeter('m')
    await run(meter, 0, 10)
    meter.start(at(35))
    const lost = { reason: 'unmetered', sessions: 0, from: iso(at(10.2)), to: iso(at(35.1)) }
    const gaps = ['wg0', 'wg1'].map((name) => ({ ...lost, interface: name, bytes: 2_550_000 }))
    await meter.report(at(36), {}, { gaps })
    const holes = (await ask(0, 36))[0]!.meters[0]!.holes
    expect(shown(holes)).toEqual([['unmetered', 10, 35.1]])
    expect(holes[0]!.bytes).toBe(5_100_000)
  })

  test('silent from its last report on, until something comes; then the hole closes', async () => {
    const meter = new SimulatedMeter('m')
    await run(meter, 0, 10)
    t.nowUs = at(30)
    expect(await holesOf(0, 60)).toEqual([['silent', 10, 30]])
    expect(await holesOf(0, 10)).toEqual([])
    await meter.report(at(31))
    expect(await holesOf(0, 60)).toEqual([])
  })

  test('a backlog that is being delivered is silence until it has come', async () => {
    const meter = new SimulatedMeter('m')
    await run(meter, 0, 10)
    const spool = { batches: 40, bytes: 1, quarantined: 0 }
    const late = meter.make(at(12), { spool })
    t.nowUs = at(40)
    await t.send('acme', 1, late)
    expect(await holesOf(0, 40)).toEqual([['silent', 12, 40]])
  })

  test('a clock that is an hour behind is no silence', async () => {
    const meter = new SimulatedMeter('m')
    meter.start(at(-60))
    t.nowUs = at(20)
    await t.send('acme', 1, meter.make(at(-40)))
    t.nowUs = at(21)
    expect((await ask(-60, 21))[0]!.meters[0]).toMatchObject({ holes: [], untilUs: at(-40) })
  })

  test('lost batches are a hole that late ones close', async () => {
    const meter = new SimulatedMeter('m')
    await run(meter, 0, 5)
    const late = meter.make(at(6))
    await meter.report(at(7))
    expect(await holesOf(0, 7)).toEqual([['batchesLost', 5, 7]])
    await t.send('acme', 1, late)
    expect(await holesOf(0, 7)).toEqual([])
  })

  test('dropped packets are one hole from the report before on, as long as they go on', async () => {
    const meter = new SimulatedMeter('m')
    await run(meter, 0, 5)
    await meter.report(at(6), { packetsDropped: 40 })
    await meter.report(at(7), { packetsDropped: 100 })
    await t.reopen()
    await meter.report(at(8), { packetsDropped: 100 })
    await meter.report(at(30), { packetsDropped: 101 })
    const holes = (await ask(0, 60))[0]!.meters[0]!.holes
    expect(shown(holes)).toEqual([
      ['packetsDropped', 5, 7],
      ['packetsDropped', 8, 30],
    ])
    expect(holes.map((h) => h.packets)).toEqual([100, 1])
  })

  test('packets that the last report of a run tells of are a hole, though it comes after the next run', async () => {
    const meter = new SimulatedMeter('m')
    meter.start(at(0))
    for (const minute of [1, 2]) await meter.report(at(minute))
    const late = meter.make(at(3), { packetsDropped: 9 })
    meter.start(at(3))
    await meter.report(at(5))
    await t.send('acme', 1, late)
    const holes = (await ask(1, 5))[0]!.meters[0]!.holes
    expect(shown(holes)).toEqual([['packetsDropped', 2, 3]])
    expect(holes[0]!.packets).toBe(9)
  })

  test('counts that a meter makes up cost it nothing but their exactness', async () => {
    const meter = new SimulatedMeter('m')
    meter.start(at(0))
    const sessions = Number.MAX_SAFE_INTEGER
    for (const minute of [1, 2, 3]) {
      const gap = { reason: 'retentionOff', sessions, from: iso(at(minute)), to: iso(at(minute)) }
      const packetsDropped = minute % 2 === 0 ? 0 : sessions
      await meter.report(at(minute), { packetsDropped }, { gaps: [gap] })
    }
    const holes = (await ask(0, 4))[0]!.meters[0]!.holes
    expect(holes.map((h) => [h.cause, h.sessions, h.packets])).toEqual([
      ['retentionOff', sessions, undefined],
      ['packetsDropped', 0, sessions],
    ])
  })

  test('a run whose first report has dropped packets has a hole from its start', async () => {
    const meter = new SimulatedMeter('m')
    meter.start(at(0))
    await meter.report(at(1), { packetsDropped: 3 })
    expect(await holesOf(0, 1)).toEqual([['packetsDropped', 0, 1]])
  })

  test('while nothing is stored the log has a hole, from batch to batch longer', async () => {
    const meter = new SimulatedMeter('m')
    await run(meter, 0, 5)
    for (const minute of [6, 7, 8]) {
      const gap = {
        reason: 'retentionOff',
        sessions: 5,
        from: iso(at(minute)),
        to: iso(at(minute)),
      }
      await meter.report(at(minute), {}, { gaps: [gap] })
    }
    const holes = (await ask(0, 9))[0]!.meters[0]!.holes
    // The first of them holds what was metered since the last one that was stored.
    expect(shown(holes)).toEqual([['retentionOff', 5, 8]])
    expect(holes[0]!.sessions).toBe(15)
  })

  test('what retention deleted is a hole up to its cut, once something was deleted', async () => {
    const meter = new SimulatedMeter('m')
    await run(meter, 0, 30)
    await t.store.expire('acme', at(10))
    expect(await holesOf(0, 30)).toEqual([])
    const old = session(1, { startTimeUs: at(2), endTimeUs: at(3) })
    await meter.report(at(31), {}, { sessions: [old] })
    await t.store.expire('acme', at(10))
    await t.reopen()
    expect(await holesOf(0, 30)).toEqual([['deletedByRetention', 0, 10]])
    // A longer retention later brings nothing back.
    await t.store.expire('acme', at(5))
    expect(await holesOf(0, 30)).toEqual([['deletedByRetention', 0, 10]])
    expect(await holesOf(10, 30)).toEqual([])
  })

  test('what the kernel counted and the meter did not is a hole of its run, when it is exact', async () => {
    const meter = new SimulatedMeter('m')
    meter.start(at(0))
    const figures = { unexplainedPacketsMin: 7, unexplainedPacketsMax: 9, exact: 1 }
    await meter.report(at(5), { reconciliation: { ...figures, exact: 0 } })
    expect(await holesOf(0, 5)).toEqual([])
    await meter.report(at(6), { reconciliation: figures, packets: 93 })
    expect(await holesOf(0, 6)).toEqual([['unexplained', 0, 6]])
    const [site] = await ask(0, 6)
    expect(site!.meters[0]!.reconciled).toEqual({ packets: 93, ofPackets: 102 })
  })

  test('packets that the meter counted as dropped are no riddle; an earlier run keeps what is one', async () => {
    const meter = new SimulatedMeter('m')
    meter.start(at(0))
    const figures = { unexplainedPacketsMin: 12, unexplainedPacketsMax: 12, exact: 1 }
    await meter.report(at(5), {
      reconciliation: { ...figures, droppedPackets: 12 },
      packets: 88,
      packetsDropped: 12,
    })
    expect(await holesOf(0, 5)).toEqual([['packetsDropped', 0, 5]])
    expect((await ask(0, 5))[0]!.meters[0]!.reconciled).toEqual({ packets: 88, ofPackets: 100 })
    const more = { ...figures, unexplainedPacketsMin: 15, droppedPackets: 12 }
    await meter.report(at(6), { reconciliation: more, packetsDropped: 12 })
    meter.start(at(6))
    await meter.report(at(8))
    const holes = (await ask(1, 8))[0]!.meters[0]!.holes
    expect(shown(holes)).toEqual([
      ['unexplained', 1, 6],
      ['packetsDropped', 1, 5],
    ])
    expect(holes[0]!.packets).toBe(3)
    expect(await holesOf(6, 8)).toEqual([])
  })

  test('an interface that is away is one hole as long as it is', async () => {
    const meter = new SimulatedMeter('m')
    meter.start(at(0))
    const gone = (from: number, to: number) => ({
      gaps: [{ reason: 'interfaceGone', sessions: 0, from: iso(at(from)), to: iso(at(to)) }],
    })
    for (const minute of [2, 3, 4]) await meter.report(at(minute), {}, gone(minute - 1, minute))
    await meter.report(at(5))
    await meter.report(at(6), {}, gone(5, 6))
    expect(await holesOf(0, 6)).toEqual([
      ['interfaceGone', 1, 4],
      ['interfaceGone', 5, 6],
    ])
    expect(await t.store.gaps('acme', at(0), at(6))).toHaveLength(2)
  })

  test('what a clock that is set forward passes over is a hole', async () => {
    const meter = new SimulatedMeter('m')
    meter.start(at(0))
    const gap = { reason: 'clockStepped', sessions: 0, from: iso(at(1)), to: iso(at(61)) }
    await meter.report(at(62), {}, { gaps: [gap] })
    expect(await holesOf(0, 62)).toEqual([['clockStepped', 1, 61]])
    expect(await holesOf(61, 62)).toEqual([])
  })

  test('a loss with a word of its own keeps it', async () => {
    const meter = new SimulatedMeter('m')
    await run(meter, 0, 2)
    const gap = { reason: 'constructor', sessions: 2, from: iso(at(1)), to: iso(at(1)) }
    await meter.report(at(3), {}, { gaps: [gap] })
    const [hole] = (await ask(0, 3))[0]!.meters[0]!.holes
    expect(hole).toMatchObject({ cause: 'other', reason: 'constructor', sessions: 2 })
  })
})

describe('what was open dies with the meter', () => {
  const whole = (minutes: number) => ({ wholeUntil: iso(at(minutes)) })

  test('a run is judged until all that it metered has come; from then on it is lost with a kill', async () => {
    const meter = new SimulatedMeter('m')
    meter.start(at(0))
    await meter.report(at(10), whole(8))
    expect((await ask(0, 10))[0]!.meters[0]).toMatchObject({ untilUs: at(8), holes: [] })
    t.nowUs = at(30)
    expect(await holesOf(0, 30)).toEqual([['silent', 8, 30]])
    meter.start(at(31))
    await meter.report(at(40), whole(38))
    expect(await holesOf(0, 38)).toEqual([['unmetered', 8, 31]])
    await t.reopen()
    expect(await holesOf(0, 38)).toEqual([['unmetered', 8, 31]])
    expect(await holesOf(0, 8)).toEqual([])
  })

  test('what the next run says of the time between begins where the reports of the run before end', async () => {
    const meter = new SimulatedMeter('m')
    meter.start(at(0))
    await meter.report(at(10), whole(8))
    t.nowUs = at(40)
    meter.start(at(31))
    const said = { reason: 'unmetered', sessions: 0, interface: 'wg0', bytes: 5 }
    const gaps = [{ ...said, from: iso(at(6)), to: iso(at(31)) }]
    await meter.report(at(40), whole(38), { gaps })
    expect(await holesOf(0, 38)).toEqual([['unmetered', 8, 31]])
    expect(await holesOf(0, 8)).toEqual([])
  })

  test('one that ends in order lacks nothing; nor does one whose last reports come late', async () => {
    const meter = new SimulatedMeter('m')
    meter.start(at(0))
    await meter.report(at(10), whole(8))
    const last = meter.make(at(12), whole(12))
    meter.start(at(15))
    await meter.report(at(20), whole(18))
    expect(await holesOf(0, 18)).toEqual([
      ['batchesLost', 8, 18],
      ['unmetered', 8, 15],
    ])
    await t.send('acme', 1, last)
    expect(await holesOf(0, 18)).toEqual([['unmetered', 12, 15]])
  })

  test('a lost batch may hold what was open before the report before it', async () => {
    const meter = new SimulatedMeter('m')
    meter.start(at(0))
    await meter.report(at(10), whole(8))
    meter.lose()
    await meter.report(at(12), whole(10))
    expect(await holesOf(0, 10)).toEqual([['batchesLost', 8, 10]])
  })

  test('a time that is later than all reports is not complete, whatever it is', async () => {
    await run(new SimulatedMeter('m'), 0, 10)
    const range = { fromUs: at(20), toUs: at(30) }
    const named = { names: new Map(), nowUs: t.nowUs, more: false, range }
    const answer = completenessAnswer(await ask(20, 30), named)
    expect(answer.complete).toBe(false)
    expect(answer.sentence).toContain('Nothing is known yet')
  })

  test('a site of which nothing is known yet is not counted with the complete ones', async () => {
    for (const [siteId, until] of [
      [1, 8],
      [2, 10],
    ] as const) {
      const meter = new SimulatedMeter('m', siteId)
      meter.start(at(0))
      await meter.report(at(10), whole(until))
    }
    const range = { fromUs: at(8), toUs: at(10) }
    const named = { names: new Map(), nowUs: t.nowUs, more: false, range }
    const answer = completenessAnswer(await ask(8, 10), named)
    expect(answer.sites.map(({ complete }) => complete)).toEqual([false, true])
    expect(answer.sentence).toMatch(
      /^1 of 2 sites are complete, .* Site 1: nothing is known yet\.$/,
    )
  })
})

describe('two meters on one interface', () => {
  const places = ['here']
  const twice = async (from: number, to: number) =>
    (await ask(from, to))[0]!.meters.map(({ meterId, holes }) => [
      meterId,
      holes
        .filter(({ cause }) => cause === 'twoMeters')
        .map((hole) => [hole.otherMeter, ...(shown([hole])[0] as unknown[]).slice(1)]),
    ])

  test('count twice while both run; the range beside it is complete', async () => {
    const [left, right] = [new SimulatedMeter('left'), new SimulatedMeter('right')]
    left.start(at(0))
    right.start(at(10))
    for (let minute = 1; minute <= 40; minute++) {
      await left.report(at(minute), { places })
      if (minute > 10 && minute <= 20) await right.report(at(minute), { places })
    }
    expect(await twice(0, 40)).toEqual([
      ['left', [['right', 10, 20]]],
      ['right', [['left', 10, 20]]],
    ])
    // It is so after both have begun anew, too.
    left.start(at(41))
    right.start(at(50))
    await left.report(at(42), { places })
    await right.report(at(60), { places: ['elsewhere'] })
    await t.reopen()
    expect(await twice(0, 60)).toEqual([
      ['left', [['right', 10, 20]]],
      ['right', [['left', 10, 20]]],
    ])
    expect((await ask(0, 10))[0]!.meters[0]!.holes).toEqual([])
    expect((await ask(20, 40))[0]!.meters[0]!.holes).toEqual([])
    const named = { names: new Map(), nowUs: t.nowUs, more: false }
    const range = { fromUs: at(0), toUs: at(40) }
    expect(completenessAnswer(await ask(0, 40), { ...named, range }).sentence).toContain(
      'counted twice 27 Nov 2026 02:10 to 02:20 (also by right)',
    )
  })

  test('what waited in a spool until both had gone says it, too', async () => {
    const [left, right] = [new SimulatedMeter('left'), new SimulatedMeter('right')]
    left.start(at(0))
    await left.report(at(10), { places })
    left.start(at(20))
    await left.report(at(30), { places })
    right.start(at(5))
    for (const minute of [6, 8]) await right.report(at(minute), { places })
    expect(await twice(0, 30)).toEqual([
      ['left', [['right', 5, 8]]],
      ['right', [['left', 5, 8]]],
    ])
  })

  /** Reports of a machine whose clock is so many minutes ahead of the time since its boot. */
  const booted = (start: number, end: number) => ({
    places,
    uptimeMs: { startedAt: (start + 100) * 60e3, at: (end + 100) * 60e3 },
  })

  test('a clock that is set back hides no time in which both ran', async () => {
    const [left, right] = [new SimulatedMeter('left'), new SimulatedMeter('right')]
    // An hour ahead until minute 2.
    left.start(at(60))
    await left.report(at(61), booted(0, 1))
    await left.report(at(10), booted(0, 10))
    right.start(at(4))
    await right.report(at(9), booted(4, 9))
    expect(await twice(0, 10)).toEqual([
      ['left', [['right', 4, 9]]],
      ['right', [['left', 4, 9]]],
    ])
  })

  test('nor does it make one up', async () => {
    const [left, right] = [new SimulatedMeter('left'), new SimulatedMeter('right')]
    left.start(at(0))
    await left.report(at(10), booted(0, 10))
    // After the first had ended the clock was set back by nine minutes.
    right.start(at(5))
    await right.report(at(15), booted(14, 24))
    expect(await twice(0, 15)).toEqual([
      ['left', []],
      ['right', []],
    ])
  })

  test('one id in two spools is the same; a clock that is set back between two runs is not', async () => {
    const meter = new SimulatedMeter('m')
    meter.start(at(0))
    await meter.report(at(10), { places })
    meter.start(at(5))
    await meter.report(at(12), { places })
    expect(await twice(0, 12)).toEqual([['m', []]])
    const copy = new SimulatedMeter('m')
    copy.start(at(11))
    await copy.report(at(13), { places }, { spoolId: 's2' })
    expect(await twice(0, 13)).toEqual([['m', [['m', 11, 12]]]])
  })

  test('an interface that a run reads later is shared from then on; other interfaces and sites are not', async () => {
    const [left, right] = [new SimulatedMeter('left'), new SimulatedMeter('right')]
    const far = new SimulatedMeter('far', 2)
    for (const meter of [left, right, far]) meter.start(at(0))
    for (const minute of [10, 20, 30]) {
      await left.report(at(minute), { places })
      await right.report(at(minute), { places: minute < 30 ? ['there'] : ['there', 'here'] })
      await far.report(at(minute), { places })
    }
    expect(await twice(0, 30)).toEqual([
      ['left', [['right', 20, 30]]],
      ['right', [['left', 20, 30]]],
    ])
    expect((await ask(0, 30, [2]))[0]!.complete).toBe(true)
  })
})

describe('a meter that was removed', () => {
  const shownOf = async (from: number, to: number, siteIds: readonly number[]) => {
    const sites = await ask(from, to, siteIds, at(12))
    return sites.flatMap((s) => s.meters.map((m) => [m.meterId, ...shown(m.holes)]))
  }
  beforeEach(async () => {
    const meter = new SimulatedMeter('m')
    meter.start(at(0))
    await meter.report(at(10), { wholeUntil: iso(at(9)) })
    t.nowUs = at(30)
  })

  test('leaves open what it had not reported, although it was not silent for long', async () => {
    expect(await shownOf(0, 11, [1])).toEqual([['m', ['silent', 9, 11]]])
    expect(await shownOf(0, 9, [1])).toEqual([['m']])
  })

  test('leaves nothing open when its last report had all', async () => {
    await new SimulatedMeter('whole', 2).report(at(10))
    t.nowUs = at(30)
    const [site] = await ask(5, 12, [2], at(12))
    expect([site!.siteId, site!.complete]).toEqual([2, true])
  })

  test('leaves an expected site unwatched from then on, also where the range began before', async () => {
    const gone = [
      ['m', ['silent', 9, 12]],
      [null, ['notWatched', 12, 30]],
    ]
    expect(await shownOf(0, 60, [1])).toEqual(gone)
    expect(await shownOf(20, 25, [1])).toEqual([[null, ['notWatched', 20, 25]]])
    const [site] = await ask(0, 60, [1], at(12))
    expect(site!.complete).toBe(false)
  })
})

test('a site that is expected and never reported is a hole; a replay of files watches nothing', async () => {
  const replay = new SimulatedMeter('replay-1', 7)
  replay.start(at(0))
  await replay.report(at(1), { replay: 'finished' })
  const sites = await ask(0, 1, [7])
  expect(sites.map((s) => shown(s.meters[0]!.holes))).toEqual([[['neverReported', 0, 1]]])
})

test('one site’s losses are never told of another', async () => {
  await run(new SimulatedMeter('a', 1), 0, 10)
  const broken = new SimulatedMeter('b', 2)
  await run(broken, 0, 2)
  broken.lose()
  await broken.report(at(10))
  expect((await ask(0, 10)).map((s) => s.complete)).toEqual([true, false])
  expect((await ask(0, 10, [1])).map((s) => s.siteId)).toEqual([1])
})

test('nothing is called complete without a meter, nor when not all losses were looked at', async () => {
  const range = { fromUs: 0, toUs: 3600e6 }
  const named = { names: new Map<number, string>(), range, nowUs: 3600e6, more: false }
  const none = completenessAnswer([], named)
  expect([none.complete, none.coveredShare]).toEqual([false, 0])
  expect(none.sentence).toContain('nothing is metered')
  const site = { siteId: 1, complete: true, meters: [] }
  expect(completenessAnswer([site], named).complete).toBe(true)
  const unseen = completenessAnswer([site], { ...named, more: true })
  expect(unseen.complete).toBe(false)
  expect(unseen.sentence).toContain('more losses than are counted here')
})

test('the sentence names the worst site, what was lost, when, and how much', async () => {
  await run(new SimulatedMeter('a', 1), 0, 62)
  const lyon = new SimulatedMeter('b', 2)
  await run(lyon, 0, 1)
  lyon.start(at(36))
  const gap = { reason: 'unmetered', sessions: 0, from: iso(at(1)), to: iso(at(36)) }
  await lyon.report(at(62), {}, { gaps: [{ ...gap, interface: 'wg0', bytes: 5_100_000 }] })
  const range = { fromUs: at(0), toUs: at(60) }
  const names = new Map([[2, 'Lyon']])
  const named = { names, range, nowUs: t.nowUs, more: false }
  expect(completenessAnswer(await ask(0, 60), named).sentence).toBe(
    '1 of 2 sites are complete, 27 Nov 2026 02:00 to 03:00 UTC. Lyon: not metered 27 Nov 2026 02:01 to 02:36 (5.1 MB moved).',
  )
  expect(completenessAnswer(await ask(0, 60, [1]), named).sentence).toBe(
    'Site 1 is complete, 27 Nov 2026 02:00 to 03:00 UTC.',
  )
  const days = { ...named, range: { fromUs: at(-3 * 60), toUs: at(0.5) } }
  const answer = completenessAnswer(await ask(-3 * 60, 0.5, [1]), days)
  expect(answer.sentence).toContain('26 Nov 2026 23:00 to 27 Nov 2026 02:00 UTC')
  const seconds = { ...named, range: { fromUs: at(0), toUs: at(0.5) } }
  expect(completenessAnswer(await ask(0, 0.5, [1]), seconds).sentence).toBe(
    'Site 1 is complete, 27 Nov 2026 02:00:00 to 02:00:30 UTC.',
  )
})

/** Losses that a meter or the server names, each as it calls them. */
const LOSSES = [
  ...['interfaceGone', 'clockStepped', 'recordQueueFull', 'spoolFull', 'quarantineFull'],
  ...['spoolDamaged', 'diskFull', 'spoolWriteFailed', 'somethingElse'],
  ...['deletedByOperator', 'erased', 'unexplained'],
]

/** What the server tells of a batch when it comes: it says nothing of when what it did not store was metered. */
const NOT_STORED = ['sessionsRefused', 'retentionOff']

/** What the model knows of one minute of a life. */
interface Minute {
  /** It ran. */
  alive: boolean
  /** All of it is there. */
  metered: boolean
  /** A loss nearby may reach into it, as when a batch is missing until the next report. */
  unsure: boolean
  /** Its batch came. */
  came: boolean
  /** That batch told of a loss. */
  lossy: boolean
  /** Refused records of this minute, which came in whatever batch. */
  conflicts: number
  /** What was open then is in the batches of so many minutes more, at the latest; null: it died with the meter. */
  lag: number | null
}

/**
 * A meter that runs reports at each minute; it stops in order or is killed with what is open, and starts at random, loses
 * sessions and packets, and batches are lost, or come later.
 */
async function randomLife(
  meter: SimulatedMeter,
  place: string,
  random: () => number,
  minutes: number,
) {
  const life = Array.from({ length: minutes }, (): Minute => {
    return {
      alive: false,
      metered: false,
      unsure: false,
      came: false,
      lossy: false,
      conflicts: 0,
      lag: null,
    }
  })
  /** Packets are dropped once: of a second time nearby the store makes one hole with the first. */
  let dropAt = Math.floor(random() * 2 * minutes)
  /** For so long a session may be open before it is reported. */
  const lag = Math.floor(random() * 3)
  let packetsDropped = 0
  /** Once, too. */
  let refuseAt = Math.floor(random() * 2 * minutes)
  let told = true
  let running = false
  let begun = 0
  let before: Minute | undefined
  const late: { batch: Batch; its: Minute }[] = []
  /** Two times in turns, so far apart that they stay two losses. */
  const conflictAt = Math.floor(random() * minutes)
  let conflicts = 0
  const conflict = () => {
    const from = (conflictAt + 30 * (conflicts++ % 2)) % minutes
    return session(conflicts, { startTimeUs: at(from), endTimeUs: at(from + 1) })
  }
  const came = async ({ batch: its, its: minute }: (typeof late)[number]) => {
    await t.send('acme', meter.siteId, its)
    minute.came = true
    for (const { startTimeUs } of its.sessions) life[(startTimeUs - T0_US) / MINUTE_US]!.conflicts++
  }
  for (const [minute, its] of life.entries()) {
    t.nowUs = at(minute + 1)
    if (!running) {
      running = random() < 0.4
      if (running) {
        meter.start(at(minute))
        begun = minute
        packetsDropped = 0
      }
    }
    if (!running) continue
    its.alive = true
    const drops = minute >= dropAt
    if (drops) {
      dropAt = minutes
      packetsDropped = 7
      told = false
      for (const one of late) one.its.unsure = true
    }
    const loses = random() < 0.1
    const reason = LOSSES[Math.floor(random() * LOSSES.length)]!
    const span = { from: iso(at(minute)), to: iso(at(minute + 1)) }
    const gaps = loses ? [{ reason, sessions: 3, ...span }] : []
    const refuses = minute >= refuseAt
    if (refuses) {
      refuseAt = minutes
      const reason = NOT_STORED[Math.floor(random() * NOT_STORED.length)]!
      gaps.push({ reason, sessions: 3, from: span.to, to: span.to })
    }
    running = random() < 0.85
    const isLast = !running && random() < 0.5
    const wholeUntil = iso(at(isLast ? minute + 1 : Math.max(begun, minute + 1 - lag)))
    const change = { places: [place], packetsDropped, wholeUntil }
    const sessions = random() < 0.1 ? [conflict()] : []
    const made = { batch: meter.make(at(minute + 1), change, { gaps, sessions }), its }
    its.lossy ||= loses || drops
    // What was open when the batch before was made may be in this one.
    for (let past = Math.max(begun, minute - lag); refuses && past <= minute; past++)
      life[past]!.lossy = true
    // Where batches before it have not come yet, it may hold what was metered since the last that has.
    const last = life.slice(0, minute).findLastIndex((one) => one.came)
    for (let past = Math.max(0, last + 1 - lag); refuses && past <= minute; past++)
      life[past]!.unsure = true
    // A run that goes on may still report it.
    for (let past = Math.max(begun, minute - lag); past <= minute; past++)
      if (isLast || past === minute - lag) life[past]!.lag = minute - past
    const fate = random()
    if (fate >= 0.2) await came(made)
    else if (fate >= 0.1) late.push(made)
    // Until a report that came said so, the packets may have been dropped at any time since the one before.
    its.unsure ||= !told || before?.came === false
    if (fate >= 0.2) told = true
    if (random() < 0.3) for (const one of late.splice(0)) await came(one)
    before = its
  }
  for (const [minute, its] of life.entries()) {
    const until = its.lag === null ? null : minute + its.lag
    const isLossy = its.lossy || its.conflicts > 0
    its.metered =
      until !== null && !isLossy && life.slice(minute, until + 1).every((one) => one.came)
  }
  return life
}

const SEED = Number(process.env.TUNMETER_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** Two of the three read one interface. */
test(`random lives of three meters: seed ${SEED}`, async () => {
  const random = randomOf(SEED)
  const minutes = 60
  const lives = new Map<string, Minute[]>()
  // The run is another meter's, so each record of it that a meter sends is refused.
  const replay = new SimulatedMeter('replay')
  await replay.report(at(0), { replay: 'finished' }, { sessions: [session(9999)] })
  for (const [meterId, place] of [
    ['m1', 'here'],
    ['m2', 'here'],
    ['m3', 'there'],
  ] as const)
    lives.set(meterId, await randomLife(new SimulatedMeter(meterId), place, random, minutes))
  t.nowUs = at(minutes + 11)
  for (const { meterId, holes } of (await ask(0, minutes, [1]))[0]!.meters) {
    const refused = holes.filter(({ reason }) => reason === 'sessionConflict')
    const known = lives.get(meterId ?? '')?.reduce((n, { conflicts }) => n + conflicts, 0)
    expect(refused.reduce((n, { sessions }) => n + sessions!, 0)).toBe(known ?? 0)
    expect(refused.length).toBeLessThanOrEqual(2)
  }
  for (let asked = 0; asked < 4; asked++) {
    const from = Math.floor(random() * 30)
    const to = from + 1 + Math.floor(random() * 30)
    const [site] = await ask(from, to, [1])
    for (const { meterId, untilUs, coveredUs, holes } of site!.meters) {
      const all = union(holes)
      const lost = all.reduce((n, h) => n + h.toUs - h.fromUs, 0)
      expect(coveredUs + lost).toBe(at(to) - at(from))
      expect(untilUs).toBe(at(to))
      const life = lives.get(meterId ?? '')
      if (life === undefined) continue
      const twin = meterId === 'm3' ? undefined : lives.get(meterId === 'm1' ? 'm2' : 'm1')
      for (let minute = from; minute < to; minute++) {
        const { metered, unsure } = life[minute]!
        const other = twin?.[minute]
        const middle = at(minute + 0.5)
        const causes = holes
          .filter((h) => h.fromUs <= middle && middle < h.toUs)
          .map(({ cause }) => cause)
        const said = { meterId, minute, isHole: causes.length > 0 }
        // Completeness that is not there is never claimed.
        if (!metered) expect(said).toEqual({ meterId, minute, isHole: true })
        if (metered && other?.metered === true) expect(causes).toContain('twoMeters')
        // Nor a hole where all came.
        if (metered && !unsure && other?.alive !== true)
          expect(said).toEqual({ meterId, minute, isHole: false })
      }
    }
  }
})
