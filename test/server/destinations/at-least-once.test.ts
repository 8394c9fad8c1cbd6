/** Whatever the receiver and the server do, each session gets there, in attempts that a receiver can recognise. */
import { describe, expect, test, vi } from 'vitest'
import { batch } from '../../support/batches.js'
import {
  add,
  current,
  destinations,
  idOf,
  ids,
  later,
  openAgain,
  receiver,
  records,
  restart,
  sent,
  t,
  useDestinations,
  wanted,
} from '../../support/destinations-lab.js'
import { Receiver } from '../../support/receiver.js'
import { until } from '../../support/until.js'

useDestinations()

describe('at least once', () => {
  test('a receiver that is away, slow or cuts the connection gets all of it, with the same bounds and id', async () => {
    const replies = [{ status: 503 }, { status: 0, cut: true }, { status: 429 }]
    receiver.reply = () => replies.shift() ?? { status: 200 }
    const courier = await add({ eventsMax: 2 })
    await t.send('acme', 1, batch(1, sent(1, 5)))
    while (replies.length > 0) {
      const before = receiver.requests.length
      await later(courier)
      await until(() => receiver.requests.length > before || replies.length === 0)
    }
    await later(courier)
    await until(() => current(courier).state.delivered === 5)
    const first = receiver.requests.filter((r) =>
      r.headers['webhook-id']?.toString().endsWith('.1'),
    )
    expect(first.length).toBe(4)
    expect(new Set(first.map((r) => r.text)).size).toBe(1)
    expect(new Set(ids()).size).toBe(5)
    expect(current(courier).state.failures).toBe(0)
  })

  test('a server that ends while the answer is awaited sends the same again under the same id', async () => {
    receiver.reply = () => ({ status: 0, hang: true })
    const courier = await add({ eventsMax: 3 })
    await t.send('acme', 1, batch(1, sent(1, 3)))
    await until(() => receiver.requests.length === 1)
    receiver.reply = () => ({ status: 200 })
    // More has come meanwhile: the bounds stay.
    await t.send('acme', 1, batch(2, sent(4, 6)))
    await restart()
    await until(() => current(courier).state.delivered === 6)
    const [first, again] = receiver.requests
    expect(again!.headers['webhook-id']).toBe(first!.headers['webhook-id'])
    expect(again!.text).toBe(first!.text)
    expect(new Set(ids()).size).toBe(6)
  })

  test('what cannot be noted, because the disk is full, is not sent again: it is noted later', async () => {
    const courier = await add()
    receiver.reply = () => {
      vi.spyOn(records, 'putState').mockRejectedValue(new Error('no space left on device'))
      return { status: 200 }
    }
    await t.send('acme', 1, batch(1, sent(1, 3)))
    await until(
      () =>
        vi.isMockFunction(records.putState) && vi.mocked(records.putState).mock.calls.length > 1,
    )
    vi.mocked(records.putState).mockRestore()
    await until(() => current(courier).state.delivered === 3)
    expect(ids()).toEqual([1, 2, 3].map(idOf))
  })

  test('and is noted when the server ends in order', async () => {
    const courier = await add()
    receiver.reply = () => {
      vi.spyOn(records, 'putState').mockRejectedValue(new Error('no space left on device'))
      return { status: 200 }
    }
    await t.send('acme', 1, batch(1, sent(1, 3)))
    await until(
      () =>
        vi.isMockFunction(records.putState) && vi.mocked(records.putState).mock.calls.length > 1,
    )
    vi.mocked(records.putState).mockRestore()
    receiver.reply = () => ({ status: 200 })
    await restart()
    await t.send('acme', 1, batch(2, sent(4, 4)))
    await until(() => current(courier).state.delivered === 4)
    expect(ids()).toEqual([1, 2, 3, 4].map(idOf))
  })

  test('numbers of commits that were passed are not given again when what they brought is gone', async () => {
    const courier = await add()
    await t.send('acme', 1, batch(1, sent(1, 3)))
    await until(() => current(courier).state.delivered === 3)
    await destinations.stop()
    await t.store.erase('acme', { userId: 'u1' })
    const arrivalsAfter = records.furthestArrival()
    await t.reopen({ arrivalsAfter })
    openAgain()
    await destinations.start()
    await t.send('acme', 1, batch(2, sent(4, 4)))
    await until(() => current(courier).state.delivered === 4)
    expect(ids().at(-1)).toBe(idOf(4))
  })

  test('one that is down keeps no other waiting', async () => {
    receiver.reply = () => ({ status: 0, hang: true })
    await add({ name: 'down' })
    const well = await Receiver.start()
    const settings = { url: well.url, format: 'ndjson', gzip: false, headers: {} }
    const courier = await destinations.create('acme', wanted({ settings }))
    await t.send('acme', 1, batch(1, sent(1, 3)))
    await until(() => current(courier).state.delivered === 3)
    await until(() => receiver.requests.length === 1)
    await well.close()
  })
})
