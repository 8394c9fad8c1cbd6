/** Whether the answer to "is anything missing?" is right, over a real store; the truth is what each test did. */
import { describe, expect, test } from 'vitest'
import { completenessAnswer } from '../../../src/server/query/completeness-answer.js'
import { session } from '../../support/batches.js'
import {
  ask,
  at,
  eachWithItsStore,
  holesOf,
  iso,
  MINUTE_US,
  run,
  SimulatedMeter,
  shown,
  t,
} from '../../support/completeness-lab.js'

eachWithItsStore()

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

  test('after a retention of 0 and back, only the time of the deleted sessions is a hole', async () => {
    const meter = new SimulatedMeter('m')
    await run(meter, 0, 10)
    const old = session(1, { startTimeUs: at(2), endTimeUs: at(8) })
    await meter.report(at(11), {}, { sessions: [old] })
    expect(await t.store.expire('acme', Number.MAX_SAFE_INTEGER)).toBe(1)
    for (let minute = 12; minute <= 30; minute++) await meter.report(at(minute))
    await t.reopen()
    expect(await holesOf(0, 30)).toEqual([['deletedByRetention', 0, 8]])
    expect(await holesOf(9, 30)).toEqual([])
  })

  test('what the kernel counted and the meter did not is a hole of its run', async () => {
    const meter = new SimulatedMeter('m')
    meter.start(at(0))
    const figures = { unexplainedPacketsMin: 7, unexplainedPacketsMax: 9, exact: 1 }
    await meter.report(at(5), { reconciliation: { ...figures, unexplainedPacketsMin: 0 } })
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
    const named = { names: new Map(), nowUs: t.nowUs, silenceUs: 600e6, more: false, range }
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
    const named = { names: new Map(), nowUs: t.nowUs, silenceUs: 600e6, more: false, range }
    const answer = completenessAnswer(await ask(8, 10), named)
    expect(answer.sites.map(({ complete }) => complete)).toEqual([false, true])
    expect(answer.sentence).toMatch(
      /^1 of 2 sites are complete, .* Site 1: nothing is known yet\.$/,
    )
  })
})
