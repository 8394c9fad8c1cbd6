/** What destinations cost those of other organisations, and how many there can be. */
import { expect, test, vi } from 'vitest'
import { SAVE_EVERY_MS } from '../../../src/server/destinations/batch-reader.js'
import { DESTINATIONS_MAX } from '../../../src/server/destinations/records.js'
import { batch } from '../../support/batches.js'
import {
  add,
  current,
  destinations,
  goOn,
  ids,
  receiver,
  records,
  restart,
  sent,
  t,
  useDestinations,
  wanted,
} from '../../support/destinations-lab.js'
import { until } from '../../support/until.js'

useDestinations()

const BATCHES = 20

/** Stores batches of the other organisation, until its own destination has delivered them. */
async function othersSend(from: number): Promise<void> {
  const theirs =
    (await destinations.of('other'))[0] ??
    (await destinations.create('other', wanted({ columns: ['sessionId', 'orgId'] })))
  const before = theirs.state.delivered
  for (let i = from; i < from + BATCHES; i++) await t.send('other', 1, batch(i, sent(i, i)))
  await until(() => current(theirs).state.delivered >= before + BATCHES)
}

test('sessions of other organisations cost a destination no query', async () => {
  const asked = vi.spyOn(t.store, 'arrived')
  const courier = await add()
  await othersSend(1)
  expect(asked.mock.calls.filter(([orgId]) => orgId === 'acme')).toEqual([])
  await t.send('acme', 1, batch(1, sent(101, 103)))
  await until(() => current(courier).state.delivered === 3)
  expect(asked.mock.calls.filter(([orgId]) => orgId === 'acme').length).toBeGreaterThan(0)
})

test('its cursor passes them all the same, and what comes then arrives once, also after a restart', async () => {
  const courier = await add({ columns: ['sessionId'] })
  await othersSend(1)
  goOn(SAVE_EVERY_MS + 1)
  await until(() => current(courier).state.live.cursor.arrival === t.store.lastArrival())
  await t.send('acme', 1, batch(1, sent(101, 103)))
  await until(() => current(courier).state.delivered === 3)
  await restart()
  await othersSend(50)
  await t.send('acme', 1, batch(2, sent(104, 106)))
  await until(() => current(courier).state.delivered === 6)
  const own = receiver.requests.filter(({ text }) => !text.includes('"orgId":"other"'))
  expect(ids(own)).toEqual(sent(101, 106).map(({ sessionId }) => sessionId))
})

test('a server has a bounded number of them, whatever the organisation', async () => {
  const { record } = await add()
  const more = Array.from({ length: DESTINATIONS_MAX - 1 }, (_, i) => ({
    ...{ ...record, id: `d${i}`, orgId: `org${i % 100}` },
  }))
  await Promise.all(more.map((one) => records.put(one)))
  await expect(destinations.create('other', wanted())).rejects.toThrow(
    'all organisations together have at most 1000 destinations',
  )
  await records.remove(more[0]!)
  await destinations.create('other', wanted())
})
