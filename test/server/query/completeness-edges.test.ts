/** Absurd reports hinder nobody, and make no hole in the time to come. */
import { expect, test } from 'vitest'
import type { MeterReport } from '../../../src/session/batch.js'
import { at, eachWithItsStore, holesOf, SimulatedMeter, t } from '../../support/completeness-lab.js'

eachWithItsStore()

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
