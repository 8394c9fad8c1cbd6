/** Batches that were made again, absurd reports, and meters that start often: none of them hides or makes a hole. */
import { expect, test } from 'vitest'
import { RUNS_MAX } from '../../../src/server/store/meters/meter-sql.js'
import type { Batch, BatchGap, MeterReport } from '../../../src/session/batch.js'
import {
  ask,
  at,
  eachWithItsStore,
  holesOf,
  iso,
  SimulatedMeter,
  t,
} from '../../support/completeness-lab.js'

eachWithItsStore()

/** What a meter says of the number of a batch that it cut in parts. */
const usedUp = ({ batch: n, report: { at } }: Batch): BatchGap[] => [
  { reason: 'split', sessions: 0, fromBatch: n, toBatch: n, from: at, to: at },
]

/** The two parts of a batch that was too large, made after all that waited. */
const partsOf = (meter: SimulatedMeter, large: Batch): [Batch, Batch] => {
  const { report } = large
  const part = (gaps: BatchGap[]) => ({ ...meter.make(at(0)), report, remade: true as const, gaps })
  return [part(usedUp(large)), part([])]
}

test('a batch that was made again does not tell of which time the numbers below it are', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(5))
  const large = meter.make(at(10))
  const waiting = [11, 15, 20].map((minute) => meter.make(at(minute)))
  const [one, other] = partsOf(meter, large)
  t.nowUs = at(21)
  // The sender takes the newest numbers, and then those that wait. The batch of 15 never comes.
  for (const its of [waiting[0]!, other, one, waiting[2]!]) await t.send('acme', 1, its)
  await meter.report(at(30))
  expect(await holesOf(0, 30)).toEqual([['batchesLost', 11, 20]])
})

test.each([
  ['before the next batch', false],
  ['after the next batch', true],
])(
  'the second half of a batch, which never comes, is of the time of the first: it comes %s',
  async (_, isLate) => {
    const meter = new SimulatedMeter('m')
    meter.start(at(0))
    await meter.report(at(5))
    const large = meter.make(at(10))
    const cut: BatchGap = { ...usedUp(large)[0]!, from: iso(at(9)) }
    await meter.report(at(20))
    const [one] = partsOf(meter, large)
    const next = meter.make(at(30))
    const half = { ...one, gaps: [cut] }
    for (const its of isLate ? [next, half] : [half, next]) {
      t.nowUs = at(30)
      await t.send('acme', 1, its)
    }
    await t.reopen()
    expect(await holesOf(0, 30)).toEqual([['batchesLost', 9, 10]])
  },
)

test('and a run goes on to its end, although its last batches have lower numbers', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(5))
  const large = meter.make(at(10))
  const waiting = [11, 15, 20].map((minute) => meter.make(at(minute)))
  meter.start(at(21))
  const next = [25, 26].map((minute) => meter.make(at(minute), { packetsDropped: 7 }))
  const [one, other] = partsOf(meter, large)
  t.nowUs = at(27)
  const [first, ...rest] = waiting
  for (const its of [first!, other, one, next[1]!, ...rest, next[0]!]) await t.send('acme', 1, its)
  await t.reopen()
  await meter.report(at(30), { packetsDropped: 7 })
  expect(await holesOf(0, 30)).toEqual([
    ['unmetered', 20, 21],
    ['packetsDropped', 21, 26],
  ])
})

test('nor does it end early when its last batches come in an old spool, after the next run', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(20))
  const waiting = [25, 28].map((minute) => meter.make(at(minute)))
  meter.start(at(29))
  const next = { spoolId: 's2', firstBatch: 4 }
  await meter.report(at(30), {}, next)
  for (const its of waiting) await t.send('acme', 1, its)
  await meter.report(at(40), {}, next)
  expect(await holesOf(0, 40)).toEqual([['unmetered', 28, 29]])
})

test('records refused of a batch that was made again are of the time before its report', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(5))
  const large = meter.make(at(10))
  await meter.report(at(11))
  meter.lose()
  const [one, other] = partsOf(meter, large)
  await t.send('acme', 1, other)
  const [from, to] = [iso(at(10)), iso(at(10))]
  const gaps = [...one.gaps, { reason: 'sessionsRefused', sessions: 5, from, to }]
  await t.send('acme', 1, { ...one, gaps })
  expect(await holesOf(0, 10)).toEqual([['other', 0, 10]])
})

test('a clock that is set back before the first report leaves no hole in the time to come', async () => {
  const meter = new SimulatedMeter('m')
  meter.start(at(120))
  t.nowUs = at(2)
  await t.send('acme', 1, meter.make(at(2), { packetsDropped: 5 }))
  meter.start(at(121))
  await meter.report(at(150))
  expect(await holesOf(130, 150)).toEqual([])
})

test.each<[string, Partial<MeterReport>, Partial<MeterReport>]>([
  ['times', {}, { startedAt: '2199-12-31T00:00:00.000Z', at: '1970-01-01T00:00:00.000Z' }],
  [
    'times since the boot',
    { uptimeMs: { startedAt: 0, at: 0 } },
    { uptimeMs: { startedAt: 0, at: Number.MAX_SAFE_INTEGER } },
  ],
])('reports with absurd %s hold up nobody', async (_, sane, absurd) => {
  const meter = new SimulatedMeter('m')
  meter.start(at(0))
  await meter.report(at(1), sane)
  await meter.report(at(2), absurd, { spoolId: 's2', batch: 1 })
  await meter.report(at(3), absurd)
  await meter.report(at(4), absurd, { spoolId: 's3', batch: 9 })
  await meter.report(at(4), absurd, { spoolId: 's4', firstBatch: 2, batch: 9, remade: true })
  await meter.report(at(4), absurd, { spoolId: 's4', batch: Number.MAX_SAFE_INTEGER, remade: true })
  const other = new SimulatedMeter('other', 2)
  other.start(at(0))
  await other.report(at(5))
  await t.store.meters('acme')
  expect(t.store.stats()).toMatchObject({ waitingBatches: 0, refusedBatches: 0 })
})

test('two meters of one place with absurd times since the boot do not hinder the question', async () => {
  const uptime = Number.MAX_SAFE_INTEGER
  const its = { places: ['host'], uptimeMs: { startedAt: uptime - 60e3, at: uptime } }
  for (const id of ['one', 'other']) {
    const meter = new SimulatedMeter(id)
    meter.start(at(0))
    t.nowUs = at(1)
    await t.send('acme', 1, meter.make(at(1), its))
  }
  expect(await holesOf(0, 1)).toEqual([
    ['twoMeters', 0, 1],
    ['twoMeters', 0, 1],
  ])
})

test('a meter that started more often than is kept is not judged by another one that was there', {
  timeout: 180_000,
}, async () => {
  const [often, other] = [new SimulatedMeter('often'), new SimulatedMeter('other')]
  other.start(at(0))
  await other.report(at(1))
  const began = Array.from({ length: RUNS_MAX + 20 }, (_, n) => 10 + n / 10)
  const batches = began.map((minute) => {
    often.start(at(minute))
    return often.make(at(minute + 0.02))
  })
  t.nowUs = at(began.at(-1)! + 1)
  for (let n = 0; n < batches.length; n += 100)
    await Promise.all(batches.slice(n, n + 100).map((one) => t.send('acme', 1, one)))
  await other.report(t.nowUs)
  const [site] = await ask(9, 11)
  expect(site!.complete).toBe(false)
})
