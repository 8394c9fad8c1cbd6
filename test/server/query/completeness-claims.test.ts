/** What could make the answer claim a time that nobody metered: each test does it, and the hole stays. */
import { expect, test } from 'vitest'
import { completenessAnswer } from '../../../src/server/query/completeness-answer.js'
import { ACCESS_LOG } from '../../../src/server/store/store.js'
import { batch, report, session } from '../../support/batches.js'
import {
  ask,
  at,
  eachWithItsStore,
  holesOf,
  iso,
  run,
  SimulatedMeter,
  shown,
  t,
} from '../../support/completeness-lab.js'

eachWithItsStore()

const DOWN = [['unmetered', 5, 40]]

/** Metered from 0 to 5, and from 40 to 45. */
async function meterWithHole(): Promise<SimulatedMeter> {
  const meter = new SimulatedMeter('m')
  await run(meter, 0, 5)
  meter.start(at(40))
  await meter.report(at(45))
  return meter
}

test('a replay of files under the id of a meter covers nothing, and hides nothing', async () => {
  const meter = await meterWithHole()
  t.nowUs = at(50)
  const replayed = report({ startedAt: iso(at(5)), at: iso(at(50)), replay: 'finished' })
  await t.send('acme', 1, batch(1, [], { meterId: 'm', spoolId: 'replay', report: replayed }))
  expect(await holesOf(0, 45)).toEqual(DOWN)
  t.nowUs = at(58)
  expect(await holesOf(45, 58)).toEqual([['silent', 45, 58]])
  await meter.report(at(60), { packetsDropped: 3 })
  expect(await holesOf(0, 45)).toEqual(DOWN)
  await t.reopen()
  await meter.report(at(61), { packetsDropped: 7 })
  expect(await holesOf(0, 61)).toEqual([
    ...DOWN,
    ['packetsDropped', 45, 60],
    ['packetsDropped', 60, 61],
  ])
})

test('what was erased of a replay is a hole of the site', async () => {
  await run(new SimulatedMeter('m'), 0, 45)
  const own = { startTimeUs: at(10), endTimeUs: at(11), userId: 'gone' }
  const replayed = report({ startedAt: iso(at(40)), at: iso(at(41)), replay: 'finished' })
  const more = { meterId: 'replay', spoolId: 'replay', report: replayed }
  await t.send('acme', 1, batch(1, [session(1, own)], more))
  const complete = async () => (await ask(0, 45)).map((site) => site.complete)
  expect(await complete()).toEqual([true])
  await t.store.erase('acme', { userId: 'gone' })
  expect(await complete()).toEqual([false])
  const [site] = await ask(0, 45)
  expect(site!.meters.flatMap(({ holes }) => holes)).toMatchObject([
    { cause: 'erased', sessions: 1, fromUs: at(10), toUs: at(11) },
  ])
})

test('nor does a meter that takes the id of a replay', async () => {
  const replayed = report({ startedAt: iso(at(0)), at: iso(at(30)), replay: 'finished' })
  t.nowUs = at(30)
  await t.send('acme', 1, batch(1, [], { meterId: 'm', spoolId: 'replay', report: replayed }))
  const meter = new SimulatedMeter('m')
  meter.start(at(40))
  await meter.report(at(45))
  const [site] = await ask(0, 45)
  expect(site!.meters[0]!.coveredUs).toBe(at(45) - at(40))
})

test('a clock that was ahead and is set right does not cover the time that it was ahead', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(5))
  t.nowUs = at(10)
  await t.send('acme', 1, meter.make(at(70)))
  t.nowUs = at(39)
  expect(await holesOf(5, 39)).toEqual([['silent', 10, 39]])
  meter.start(at(40))
  await meter.report(at(45))
  expect(await holesOf(0, 45)).toEqual([['unmetered', 10, 40]])
  expect(await holesOf(0, 10)).toEqual([])
})

test('nor does the late report of a run that has ended', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(5))
  const late = meter.make(at(70))
  meter.start(at(40))
  await meter.report(at(45))
  await t.send('acme', 1, late)
  meter.start(at(80))
  await meter.report(at(85))
  // Both runs claim the time from 40 on.
  expect(await holesOf(0, 85)).toEqual([
    ['twoRuns', 40, 45],
    ['unmetered', 45, 80],
  ])
})

test('of a clock that was set back between two runs nobody knows when neither ran', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(60))
  // It was down from 60 to 90, and its clock is 50 minutes behind from then on.
  meter.start(at(40))
  t.nowUs = at(115)
  await t.send('acme', 1, meter.make(at(65)))
  expect(await holesOf(0, 65)).toEqual([['twoRuns', 40, 60]])
  expect(await holesOf(0, 40)).toEqual([])
  expect(await holesOf(60, 65)).toEqual([])
})

test('packets that nobody explains stay a hole while more flow', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  const quiet = { unexplainedPacketsMin: 7, unexplainedPacketsMax: 7, exact: 1 }
  await meter.report(at(5), { reconciliation: quiet })
  await meter.report(at(6), { reconciliation: { ...quiet, unexplainedPacketsMax: 90, exact: 0 } })
  expect(await holesOf(0, 6)).toEqual([['unexplained', 0, 6]])
  await meter.report(at(7), {
    reconciliation: { unexplainedPacketsMin: -80, unexplainedPacketsMax: 90, exact: 0 },
  })
  expect(await holesOf(0, 7)).toEqual([])
})

test('what the peers counted and the meter did not is a hole, also of a run that has ended', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  const reconciliation = { peersCompared: 2, peersUnexplained: 1, peersUnexplainedBytes: 900 }
  await meter.report(at(4), { reconciliation: { ...reconciliation, peersUnmeteredBytes: 0 } })
  expect(await holesOf(0, 4)).toEqual([])
  await meter.report(at(5), { reconciliation: { ...reconciliation, peersUnmeteredBytes: 900 } })
  const [site] = await ask(0, 5)
  expect(site!.meters[0]!.holes).toMatchObject([{ cause: 'unexplained', bytes: 900 }])
  meter.start(at(5))
  await meter.report(at(8))
  expect(await holesOf(0, 8)).toEqual([['unexplained', 0, 5]])
})

test('dropped packets are counted although a restart forgot how many the other spool had', async () => {
  const [one, other] = [new SimulatedMeter('m'), new SimulatedMeter('m')]
  const second = { spoolId: 's2' }
  one.start(at(0))
  other.start(at(1))
  await one.report(at(5), { packetsDropped: 0 })
  await other.report(at(5.5), {}, second)
  await t.reopen()
  await one.report(at(6), { packetsDropped: 4 })
  expect(await holesOf(0, 6)).toEqual([
    ['twoRuns', 1, 5.5],
    ['packetsDropped', 5, 6],
  ])
})

test('a loss that is dated after the removal of its meter is a hole', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  const gap = { reason: 'spoolFull', sessions: 9, from: iso(at(12)), to: iso(at(25)) }
  await meter.report(at(10), {}, { gaps: [gap] })
  t.nowUs = at(40)
  const [site] = await ask(16, 30, [], at(15))
  expect(shown(site!.meters.flatMap(({ holes }) => holes))).toEqual([['spoolBound', 16, 25]])
  expect(await ask(26, 30, [], at(15))).toEqual([])
})

test('a report that came when the clock of the server was ahead is no sign of life', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(5))
  t.nowUs = at(1440)
  await t.send('acme', 1, meter.make(at(6)))
  t.nowUs = at(300)
  expect(await holesOf(0, 300)).toEqual([['silent', 6, 300]])
})

test('of a range that is over, all must be known', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  for (let minute = 1; minute <= 120; minute++)
    await meter.report(at(minute), { wholeUntil: iso(at(Math.min(minute, 10))) })
  const said = async (to: number) => {
    const range = { fromUs: at(0), toUs: at(to) }
    const named = { names: new Map(), nowUs: t.nowUs, silenceUs: 600e6, more: false, range }
    const { complete, sentence } = completenessAnswer(await ask(0, to), named)
    return [complete, sentence]
  }
  expect(await said(60)).toEqual([
    false,
    '0 of 1 site is complete, 27 Nov 2026 02:00 to 03:00 UTC. Site 1: 27 Nov 2026 02:10 to 03:00: nothing is known yet.',
  ])
  expect((await said(10))[0]).toBe(true)
})

test('of a time later than all reports nothing counts as covered', async () => {
  await run(new SimulatedMeter('m'), 0, 10)
  const range = { fromUs: at(20), toUs: at(30) }
  const named = { names: new Map(), nowUs: t.nowUs, silenceUs: 600e6, more: false, range }
  expect(completenessAnswer(await ask(20, 30), named)).toMatchObject({
    ...{ complete: false, coveredShare: 0 },
    sites: [{ complete: false, coveredShare: 0 }],
  })
})

test('between its end and its removal a meter covers nothing', async () => {
  await run(new SimulatedMeter('m'), 0, 10)
  t.nowUs = at(30)
  const between = async (siteIds: readonly number[]) => {
    const sites = await ask(11, 17, siteIds, at(18))
    return sites.flatMap(({ meters }) => meters.flatMap((m) => shown(m.holes)))
  }
  expect(await ask(11, 17, [], at(18))).toEqual([])
  expect(await between([1])).toEqual([['notWatched', 11, 17]])
  const [site] = await ask(0, 17, [1], at(18))
  expect(shown(site!.meters.flatMap((m) => m.holes))).toEqual([['notWatched', 10, 17]])
  expect((await ask(0, 10, [1], at(18)))[0]!.complete).toBe(true)
})

test('a site that only an access log feeds is never complete, whoever sent it', async () => {
  const logged = (siteId: number, from: number, to: number) => {
    const note = { meterId: 'newt', reason: ACCESS_LOG, sessions: 0 }
    return t.store.writeLoose('acme', siteId, [], [{ ...note, fromUs: at(from), toUs: at(to) }])
  }
  await run(new SimulatedMeter('m', 1), 0, 10)
  await logged(1, 2, 3)
  await logged(2, 2, 3)
  await logged(2, 900, 901)
  await logged(2, -30, 1)
  t.nowUs = at(10)
  const sites = await ask(0, 10)
  expect(sites.map(({ siteId, complete }) => [siteId, complete])).toEqual([
    [1, true],
    [2, false],
  ])
  expect(shown(sites[1]!.meters[0]!.holes)).toEqual([['neverReported', 0, 10]])
  // About one row a day.
  expect(await t.store.gaps('acme', at(-60), at(1000), [2])).toHaveLength(1)
  expect((await ask(-120, -60)).map(({ siteId }) => siteId)).toEqual([1])
})
