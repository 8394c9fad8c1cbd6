/** Reports that come late, in another spool or by a clock that was set back: no loss is forgotten over them. */
import { expect, test } from 'vitest'
import { METERS_MAX } from '../../../src/server/store/meters/meters.js'
import type { Batch, BatchGap, MeterReport } from '../../../src/session/batch.js'
import { report, session } from '../../support/batches.js'
import {
  ask,
  at,
  eachWithItsStore,
  holesOf,
  iso,
  MINUTE_US,
  SimulatedMeter,
  t,
} from '../../support/completeness-lab.js'

eachWithItsStore()

const PACKETS = { reconciliation: { unexplainedPacketsMin: 7, unexplainedPacketsMax: 7, exact: 1 } }

/** One meter id in two spools. */
function twoSpools() {
  const [one, other] = [new SimulatedMeter('m'), new SimulatedMeter('m')]
  return {
    one,
    other: {
      start: (us: number) => other.start(us),
      lose: () => other.lose(),
      make: (us: number) => other.make(us, {}, { spoolId: 's2' }),
      report: (us: number, change: Partial<MeterReport> = {}) =>
        other.report(us, change, { spoolId: 's2' }),
    },
  }
}

test('unexplained packets stay a hole when the next run has a new spool', async () => {
  const { one, other } = twoSpools()
  one.start(at(0))
  await one.report(at(5), PACKETS)
  other.start(at(5))
  await other.report(at(8))
  expect(await holesOf(0, 8)).toEqual([['unexplained', 0, 5]])
  await one.report(at(9), PACKETS)
  await other.report(at(10))
  await t.reopen()
  await one.report(at(11))
  await other.report(at(12))
  expect(await holesOf(0, 12)).toEqual([['twoRuns', 5, 11]])
})

test('reports of two spools in one transaction leave one row of them', async () => {
  const { one, other } = twoSpools()
  one.start(at(0))
  await one.report(at(5), PACKETS)
  other.start(at(5))
  // The store is busy with the first of these, so the others wait for each other.
  await Promise.all([
    other.report(at(8)),
    one.report(at(9), PACKETS),
    other.report(at(10)),
    one.report(at(11), PACKETS),
    other.report(at(12)),
  ])
  const gaps = await t.store.gaps('acme', at(0), at(12))
  expect(gaps.filter(({ reason }) => reason === 'unexplained')).toMatchObject([
    { from: iso(at(0)), to: iso(at(11)) },
  ])
})

test('they are a hole of their own run, also when an old spool is put back', async () => {
  const { one, other } = twoSpools()
  one.start(at(0))
  other.start(at(100))
  await other.report(at(200))
  const late = one.make(at(60), PACKETS)
  await t.send('acme', 1, late)
  expect(await holesOf(0, 60)).toEqual([['unexplained', 0, 60]])
  expect(await holesOf(100, 200)).toEqual([])
})

test('so they are in the last report of a run that comes after the next run', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(5))
  const late = meter.make(at(10), PACKETS)
  meter.start(at(10))
  await meter.report(at(15))
  await t.send('acme', 1, late)
  expect(await holesOf(0, 15)).toEqual([['unexplained', 0, 10]])
})

test('lost first batches of an old spool are a hole of its run, not only of the newest', async () => {
  const { one, other } = twoSpools()
  other.start(at(40))
  await other.report(at(45))
  one.start(at(0))
  for (let batch = 1; batch <= 4; batch++) one.lose()
  await one.report(at(46))
  expect(await holesOf(0, 39)).toEqual([['batchesLost', 0, 39]])
})

test('packets dropped while the clock was set back are a hole', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(60))
  t.nowUs = at(61)
  await t.send('acme', 1, meter.make(at(10), { packetsDropped: 5 }))
  await t.send('acme', 1, meter.make(at(12), { packetsDropped: 5 }))
  expect(await holesOf(0, 11)).toEqual([['packetsDropped', 0, 11]])
})

test.each<[string, Partial<BatchGap>, unknown]>([
  ['ends before it began', { from: iso(at(8)), to: iso(at(5)) }, ['spoolBound', 5, 8]],
  ['has one batch number', { fromBatch: 3 }, ['spoolBound', 6, 7]],
  ['has its batch numbers in disorder', { fromBatch: 4, toBatch: 3 }, ['spoolBound', 6, 7]],
])('a loss that %s is a hole', async (_, change, hole) => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  const gap = { reason: 'spoolFull', sessions: 9, from: iso(at(6)), to: iso(at(7)), ...change }
  await meter.report(at(10), {}, { gaps: [gap] })
  expect(await holesOf(0, 10)).toEqual([hole])
})

test('a clock that was set back is known also when the end of the run before comes late', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(30))
  const late = meter.make(at(60))
  meter.start(at(40))
  t.nowUs = at(115)
  await t.send('acme', 1, meter.make(at(65)))
  await t.send('acme', 1, late)
  expect(await holesOf(0, 65)).toEqual([['twoRuns', 40, 60]])
})

test('and when the next run begins before the run before began', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(60))
  meter.start(at(-30))
  t.nowUs = at(185)
  await t.send('acme', 1, meter.make(at(70)))
  expect(await holesOf(-30, 70)).toEqual([['twoRuns', 0, 60]])
})

test('so is one that was set back before the meter began with a new spool', async () => {
  const { one, other } = twoSpools()
  one.start(at(0))
  await one.report(at(60))
  // It was down from 60 to 90, and its clock is 50 minutes behind from then on.
  other.start(at(40))
  t.nowUs = at(115)
  await t.send('acme', 1, other.make(at(65)))
  await t.reopen()
  expect(await holesOf(0, 65)).toEqual([['twoRuns', 40, 60]])
  expect(await holesOf(0, 40)).toEqual([])
})

test('two runs claim the time of sessions that are still in an old spool, too', async () => {
  const { one, other } = twoSpools()
  one.start(at(0))
  await one.report(at(60), { wholeUntil: iso(at(50)) })
  other.start(at(55))
  await other.report(at(65))
  expect(await holesOf(55, 65)).toEqual([['twoRuns', 55, 60]])
})

/** What a meter says of the number of a batch that it cut in parts. */
const usedUp = ({ batch: n, report: { at } }: Batch): BatchGap[] => [
  { reason: 'split', sessions: 0, fromBatch: n, toBatch: n, from: at, to: at },
]

/** Reports of a machine whose clock is so many minutes behind what it was at its boot. */
const since = (boot: number, at: number) => ({
  uptimeMs: { startedAt: boot * 60e3, at: at * 60e3 },
})

test.each([
  ['unknown', {}, {}, [0, 63]],
  ['known by the time since its boot', since(100, 160), since(100, 163), [40, 63]],
] as const)(
  'batches and packets lost while the clock was set back in a run, by a time that is %s',
  async (_, before, after, [from, to]) => {
    const meter = new SimulatedMeter('m')
    meter.start(at(0))
    await meter.report(at(60), before)
    t.nowUs = at(63)
    const late = ['first', 'second'].map(() => meter.make(at(42), after))
    meter.lose()
    await t.send('acme', 1, meter.make(at(43), { ...after, packetsDropped: 9 }))
    expect((await holesOf(0, 63)).sort()).toEqual([
      ['batchesLost', from, to],
      ['packetsDropped', from, to],
    ])
    // A number between them does not tell of which time its neighbours are.
    await t.send('acme', 1, late[1]!)
    expect((await holesOf(0, 63)).sort()).toEqual([
      ['batchesLost', from, to],
      ['batchesLost', from, to],
      ['packetsDropped', from, to],
    ])
  },
)

test('batches lost over a restart with a clock that was set back may be of the time of both runs', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(60), since(100, 160))
  meter.lose()
  meter.start(at(40))
  t.nowUs = at(63)
  await t.send('acme', 1, meter.make(at(41), since(162, 163)))
  expect(await holesOf(60.5, 70)).toEqual([['batchesLost', 60.5, 62]])
})

test('also if the next run begins after the last report that came', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(60), since(100, 160))
  // It metered until 80, which nobody hears, and the clock is set back to 61.
  meter.lose()
  meter.start(at(61))
  t.nowUs = at(83)
  await t.send('acme', 1, meter.make(at(63), since(181, 183)))
  for (let minute = 64; minute <= 90; minute++)
    await meter.report(at(minute), since(181, minute + 120))
  expect(await holesOf(65, 80)).toEqual([['batchesLost', 65, 80]])
})

test('and of a run whose clock was set back and that ended, what the meter says it did not meter', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(38))
  meter.start(at(38))
  t.nowUs = at(46)
  await t.send('acme', 1, meter.make(at(37)))
  meter.start(at(39))
  const told = { reason: 'unmetered', sessions: 0, from: iso(at(37)), to: iso(at(39)) }
  await meter.report(at(48), {}, { gaps: [told] })
  expect(await holesOf(37.2, 37.8)).toEqual([['unmetered', 37.2, 37.8]])
})

test('what it did not meter while its clock was set back is a hole on both clocks', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(60))
  // It was down from 60 to 90, and its clock is 50 minutes behind from then on.
  meter.start(at(40))
  const told = { reason: 'unmeteredSetBack', sessions: 0, from: iso(at(10)), to: iso(at(90)) }
  t.nowUs = at(160)
  await t.send('acme', 1, meter.make(at(110), {}, { gaps: [told] }))
  expect(await holesOf(61, 110)).toEqual([['unmetered', 61, 90]])
  expect((await holesOf(20, 30)).length).toBe(1)
})

test('time between two runs was not metered, although an earlier run claims it by a clock that was ahead of it', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(30))
  meter.start(at(30.1))
  t.nowUs = at(34)
  await t.send('acme', 1, meter.make(at(29)))
  meter.start(at(30.2))
  await meter.report(at(45))
  expect(await holesOf(29.2, 29.8)).toEqual([['unmetered', 29.2, 29.8]])
})

test('of a new spool the time since the boot tells that the clock was set back before', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(5), since(100, 105))
  // It metered until 9, which nobody hears, and its clock was set back by 2.
  const again = new SimulatedMeter('m')
  again.start(at(7))
  await again.report(at(20), since(109, 122), { spoolId: 's2' })
  expect(await holesOf(7, 20)).toEqual([['unmetered', 7, 9]])
})

test('records refused after a clock was set back may be of the time before it, too', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(60), since(100, 160))
  t.nowUs = at(63)
  const gaps = [{ reason: 'sessionsRefused', sessions: 5, from: iso(at(43)), to: iso(at(43)) }]
  await t.send('acme', 1, meter.make(at(43), since(100, 163), { gaps }))
  expect(await holesOf(0, 63)).toEqual([['other', 40, 63]])
})

test('batches of an old spool that have not come are a hole when the run goes on under a new one', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(20))
  const waiting = [25, 28].map((minute) => meter.make(at(minute)))
  const next = { spoolId: 's2', firstBatch: 4 }
  await meter.report(at(30), {}, next)
  expect(await holesOf(0, 30)).toEqual([['batchesLost', 20, 30]])
  await t.send('acme', 1, waiting[1]!)
  expect(await holesOf(0, 30)).toEqual([['batchesLost', 20, 28]])
  await t.send('acme', 1, waiting[0]!)
  await meter.report(at(40), {}, next)
  expect(await holesOf(0, 40)).toEqual([])
})

test('lost batches of an earlier run are a hole of their time, although the newest batch came first', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  const early = [1, 2, 3, 4].map((n) => meter.make(at(5 * n)))
  meter.start(at(30))
  await meter.report(at(35))
  for (const one of [early[0]!, early[1]!, early[3]!]) await t.send('acme', 1, one)
  expect(await holesOf(0, 35)).toEqual([
    ['batchesLost', 10, 20],
    ['unmetered', 20, 30],
  ])
})

test('the report of a batch that was made again is not the newest', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(5))
  const large = meter.make(at(10))
  const late = meter.make(at(20))
  meter.start(at(21))
  await meter.report(at(40), { packetsDropped: 7 })
  const [one, other] = [meter.make(at(10)), meter.make(at(10))]
  for (const part of [one, other])
    await t.send('acme', 1, { ...part, report: large.report, remade: true, gaps: usedUp(large) })
  await t.send('acme', 1, late)
  await meter.report(at(41), { packetsDropped: 7 })
  expect(await holesOf(0, 41)).toEqual([
    ['unmetered', 20, 21],
    ['packetsDropped', 21, 40],
  ])
})

test('a known loss is a hole while an old open session keeps its time from being judged', async () => {
  const meter = new SimulatedMeter('m')
  const wholeUntil = iso(at(5))
  meter.start(at(0))
  const gap = { reason: 'spoolFull', sessions: 500, from: iso(at(28)), to: iso(at(29)) }
  await meter.report(at(30), { wholeUntil }, { gaps: [gap] })
  await meter.report(at(60), { wholeUntil })
  expect(await holesOf(0, 60)).toEqual([['spoolBound', 28, 29]])
  const [site] = await ask(0, 60)
  expect(site!.meters[0]).toMatchObject({ coveredUs: 5 * MINUTE_US, judgedUs: 6 * MINUTE_US })
})

test('a meter that reports each minute is not silent, although it has a backlog and an old open session', async () => {
  const meter = new SimulatedMeter('m')
  const busy = { wholeUntil: iso(at(5)), spool: { ...report().spool, batches: 1 } }
  meter.start(at(0))
  for (let minute = 1; minute <= 60; minute++) await meter.report(at(minute), busy)
  expect(await holesOf(0, 60)).toEqual([])
  t.nowUs = at(75)
  expect(await holesOf(0, 60)).toEqual([['silent', 5, 60]])
})

test('a meter without a spoolId that numbers its batches anew loses none', async () => {
  const meter = new SimulatedMeter('m')
  const old = (crc: number) => ({ spoolId: undefined, crc }) as unknown as Partial<Batch>
  meter.start(at(0))
  for (const minute of [5, 10, 15]) await meter.report(at(minute), {}, old(minute))
  const again = new SimulatedMeter('m')
  again.start(at(20))
  t.nowUs = at(25)
  const first = { ...again.make(at(25), {}, old(25)), sessions: [session(1)] }
  expect(await t.send('acme', 1, first)).toMatchObject({ stored: 1, repeated: false })
  await t.send('acme', 1, first)
  expect(await t.store.count('acme', { fromUs: 0, toUs: at(1e6) })).toBe(1)
  again.lose()
  await again.report(at(30), {}, old(30))
  expect(await holesOf(0, 30)).toEqual([
    ['unmetered', 15, 20],
    ['batchesLost', 25, 30],
  ])
})

test('a meter that is forgotten because its site has too many leaves a hole', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(5), { packetsDropped: 9 })
  t.nowUs = at(6)
  const others = Array.from({ length: METERS_MAX + 1 }, (_, n) => new SimulatedMeter(`x${n}`))
  for (const other of others) {
    other.start(at(3))
    await t.send('acme', 1, other.make(at(6)))
  }
  const [site] = await ask(3, 6)
  expect(site!.complete).toBe(false)
  const holes = site!.meters.flatMap((one) => one.holes)
  expect(holes).toMatchObject([
    { cause: 'other', reason: 'meterForgotten', fromUs: at(3), beganUs: at(0), toUs: at(6) },
  ])
})
