/** A clock that is set back must not hold up what waits for a time. */
import { expect, test, vi } from 'vitest'
import { batch } from '../../support/batches.js'
import {
  add,
  current,
  goOn,
  HOUR_MS,
  receiver,
  sent,
  session,
  t,
  useDestinations,
} from '../../support/destinations-lab.js'
import { until } from '../../support/until.js'

useDestinations()

const YEAR_MS = 365 * 24 * HOUR_MS

test('what arrives afterwards is sent', async () => {
  const courier = await add()
  await t.send('acme', 1, batch(1, sent(1, 2)))
  await until(() => current(courier).state.delivered === 2)
  goOn(-2 * HOUR_MS)
  await t.send('acme', 1, batch(2, sent(3, 4)))
  await until(() => current(courier).state.delivered === 4)
})

test('an attempt that is to be repeated at a time of the old clock is repeated', async () => {
  goOn(YEAR_MS)
  receiver.reply = () => ({ status: 503 })
  const courier = await add()
  await t.send('acme', 1, batch(1, sent(1, 2)))
  await until(() => current(courier).state.failures > 0)
  receiver.reply = () => ({ status: 200 })
  goOn(-YEAR_MS)
  await until(() => current(courier).state.delivered === 2)
})

test('a batch that waits to be full waits no longer than it is told to', async () => {
  const reads = vi.spyOn(t.store, 'arrived')
  const courier = await add({ fillSeconds: 1 })
  goOn(YEAR_MS)
  await t.send('acme', 1, batch(1, sent(1, 2)))
  // When a batch was read, it begins to wait.
  await until(() => reads.mock.settledResults.some((one) => one.value?.rows.length === 2))
  goOn(-YEAR_MS)
  await until(() => current(courier).state.delivered === 2)
})

test('open sessions are reported again', async () => {
  const courier = await add({ openSeconds: 60 })
  goOn(YEAR_MS)
  await t.send('acme', 1, batch(1, [session(1, { endReason: 'activeTimeout' })]))
  await until(() => (current(courier).state.openReports ?? 0) === 1)
  goOn(-YEAR_MS)
  await until(() => (current(courier).state.openReports ?? 0) === 2)
  expect(current(courier).state.failures).toBe(0)
})
