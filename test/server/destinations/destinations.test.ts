/** Destinations on a real store: all that is stored gets there, whatever the receiver and the server do. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { BACKFILLS_MAX } from '../../../src/server/destinations/records.js'
import { SECRETS_FILE } from '../../../src/server/destinations/secrets.js'
import { batch } from '../../support/batches.js'
import {
  add,
  current,
  destinations,
  goOn,
  HOUR_MS,
  idOf,
  ids,
  later,
  receiver,
  restart,
  sent,
  session,
  t,
  useDestinations,
} from '../../support/destinations-lab.js'
import { until } from '../../support/until.js'

useDestinations()

describe('what is sent', () => {
  test('each ended session that arrives from now on, once; nothing of other organisations', async () => {
    await t.send('acme', 1, batch(1, sent(1, 5)))
    await t.store.count('acme', { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER })
    const courier = await add({ eventsMax: 4 })
    await t.send('other', 1, batch(1, sent(50, 59)))
    await t.send('acme', 1, batch(2, sent(6, 15)))
    await t.send('acme', 1, batch(3, sent(16, 18)))
    await until(() => current(courier).state.delivered === 13)
    expect(ids()).toEqual(sent(6, 18).map((s) => s.sessionId))
    expect(Math.max(...receiver.requests.map((r) => r.text.trim().split('\n').length))).toBe(4)
    expect(await courier.backlog.waiting()).toEqual({ sessions: 0, oldestEndUs: null })
  })

  test('a correction of an interrupted session follows under the same id', async () => {
    const courier = await add({ columns: ['sessionId', 'bytesTx', 'endReason', 'interrupted'] })
    const open = { endReason: 'activeTimeout' as const, connState: 'S1' as const }
    await t.send('acme', 1, batch(1, [session(1, { ...open, bytesTx: 10, packetsTx: 1 })]))
    // Its meter started again, and nothing reports it as open any more.
    await t.send('acme', 1, {
      ...batch(2, []),
      report: { ...batch(2, []).report, startedAt: new Date().toISOString() },
    })
    expect(await t.store.closeInterrupted()).toBe(1)
    await until(() => current(courier).state.delivered === 1)
    await t.send('acme', 1, batch(3, [session(1, { bytesTx: 99, packetsTx: 9 })]))
    await until(() => current(courier).state.delivered === 2)
    expect(receiver.events()).toEqual([
      { sessionId: idOf(1), bytesTx: 10, endReason: 'activeTimeout', interrupted: true },
      { sessionId: idOf(1), bytesTx: 99, endReason: 'endOfFlowDetected', interrupted: false },
    ])
  })

  test('only what the search finds, with the fields that are asked for', async () => {
    const courier = await add({ query: 'port:22 bytes>5kB', columns: ['destAddr', 'bytesTx'] })
    await t.send(
      'acme',
      1,
      batch(1, [
        session(1),
        session(2, { destPort: 22 }),
        session(3, { destPort: 22, bytesRx: 0 }),
      ]),
    )
    await until(() => current(courier).state.delivered === 1)
    expect(receiver.events()).toEqual([{ destAddr: '192.168.10.5:22', bytesTx: 1002 }])
  })

  test('what was stored before, of a range of time, beside what arrives', async () => {
    await t.send('acme', 1, batch(1, sent(1, 20)))
    await t.store.count('acme', { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER })
    const courier = await add({ eventsMax: 3 })
    const [from, to] = [session(5).startTimeUs, session(15).startTimeUs]
    await courier.backfill(from - 500, to - 500)
    await t.send('acme', 1, batch(2, sent(21, 22)))
    await until(() => current(courier).state.backfills[0]?.endedAt != null)
    await until(() => current(courier).state.delivered === 12)
    const numbers = [...Array.from({ length: 10 }, (_, i) => 5 + i), 21, 22]
    expect(new Set(ids())).toEqual(new Set(numbers.map(idOf)))
    expect(current(courier).state.backfills[0]?.delivered).toBe(10)
  })

  test('open sessions by option, round by round with their counts so far, and then their end', async () => {
    const columns = ['sessionId', 'bytesTx', 'duration', 'endReason']
    const open = { endReason: 'activeTimeout' as const, connState: 'S1' as const }
    const report = (number: number, bytesTx: number) =>
      batch(number, [
        ...[1, 2, 3].map((n) => session(n, { ...open, bytesTx, packetsTx: bytesTx / 101 })),
        session(4, { ...open, destPort: 22 }),
      ])
    await t.send('acme', 1, report(1, 1010))
    // The first round begins at once, and would find nothing of what comes later.
    const courier = await add({ openSeconds: 60, columns, query: 'port:443', eventsMax: 2 })
    await until(() => current(courier).state.openReports === 3)
    const event = (n: number, bytesTx: number) => ({
      ...{ sessionId: idOf(n), bytesTx, duration: null, endReason: 'activeTimeout' },
    })
    expect(receiver.events()).toEqual([event(1, 1010), event(2, 1010), event(3, 1010)])
    receiver.requests.length = 0
    // A round that fails is not repeated; what is open when the next one begins is reported then.
    receiver.reply = () => ({ status: 503 })
    goOn(61e3)
    await until(() => current(courier).state.failures > 0)
    await t.send('acme', 1, report(2, 1111))
    receiver.reply = () => ({ status: 200 })
    receiver.requests.length = 0
    await later(courier)
    await until(() => current(courier).state.openReports === 6)
    expect(receiver.events()).toEqual([event(1, 1111), event(2, 1111), event(3, 1111)])
    expect(current(courier).state.delivered).toBe(0)
    await t.send('acme', 1, batch(3, [session(1, { bytesTx: 2020, packetsTx: 20 })]))
    await until(() => current(courier).state.delivered === 1)
    expect(receiver.events().at(-1)).toMatchObject({ ...{ sessionId: idOf(1), duration: 0.001 } })
  })

  test('pseudonyms in place of persons, in events, documents and dead letters; none without the key', async () => {
    const pseudonyms = { period: 'month' as const, addresses: true }
    await expect(add({ pseudonyms })).rejects.toThrow('secrets.pseudonymKey: expected it')
    const pseudonymKey = 'a-key-of-this-destination-0123456789'
    const courier = await add({ pseudonyms, secrets: { pseudonymKey } })
    receiver.reply = ({ text }) => ({ status: text.includes(idOf(2)) ? 422 : 200 })
    await t.send('acme', 1, batch(1, sent(1, 2)))
    await until(() => current(courier).state.deadLettered === 1)
    const [event] = receiver.events().filter((e) => e.sessionId === idOf(1))
    expect(event!.userId).toMatch(/^p-[0-9a-f]{32}$/)
    expect(event!.sourceAddr).toMatch(/^2[45]\d\.\d+\.\d+\.\d+:40001$/)
    const [letter] = await current(courier).letters.read(await current(courier).letters.all())
    expect(letter!.event).toContain(event!.userId)
    expect(letter!.row.userId).toBe(event!.userId)
    // The key file is gone: nothing leaves, and it says so.
    writeFileSync(join(t.directory, SECRETS_FILE), `${Buffer.alloc(32).toString('base64')}\n`)
    receiver.requests.length = 0
    await restart()
    await t.send('acme', 1, batch(2, sent(3, 3)))
    await until(() => current(courier).state.blocked)
    expect(current(courier).state.lastFailure?.text).toContain('set them again')
    expect(receiver.requests).toEqual([])
  })

  test('several backfills go on beside each other, each to its own end; one can be stopped', async () => {
    await t.send('acme', 1, batch(1, sent(1, 40)))
    await t.store.count('acme', { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER })
    const courier = await add({ eventsMax: 3 })
    receiver.reply = () => ({ status: 503 })
    const range = (from: number, to: number) =>
      courier.backfill(session(from).startTimeUs - 500, session(to).startTimeUs + 500)
    await range(1, 10)
    await range(8, 20)
    await range(31, 40)
    expect(await current(courier).stopBackfill(3)).toBe(true)
    expect(await current(courier).stopBackfill(3)).toBe(false)
    await until(() => current(courier).state.failures > 0)
    // Bounds that were tried are tried again by the server that starts next.
    await restart()
    receiver.reply = () => ({ status: 200 })
    await later(courier)
    await until(() => current(courier).state.backfills.every(({ endedAt }) => endedAt !== null))
    expect(current(courier).state.backfills).toMatchObject([
      { id: 1, delivered: 10, stopped: false },
      { id: 2, delivered: 13, stopped: false },
      { id: 3, delivered: 0, stopped: true },
    ])
    expect(new Set(ids())).toEqual(new Set(sent(1, 20).map((s) => s.sessionId)))
    // One waits for no other: the second began before the first had ended.
    const turns = receiver.requests.map(
      (r) => /\.b(\d+)-/.exec(String(r.headers['webhook-id']))![1],
    )
    expect(turns.indexOf('2')).toBeLessThan(turns.lastIndexOf('1'))
  })

  test('backfills are bounded; those that ended make room', async () => {
    const courier = await add()
    await destinations.pause('acme', courier.record.id, true)
    const one = current(courier)
    for (let n = 0; n < BACKFILLS_MAX; n++) await one.backfill(n, n + 1)
    await expect(one.backfill(0, 1)).rejects.toThrow('at most 50 backfills under way')
    await one.stopBackfill(7)
    await one.backfill(0, 1)
    const kept = one.state.backfills.map(({ id }) => id)
    expect([kept.length, kept.includes(7), kept.at(-1)]).toEqual([BACKFILLS_MAX, false, 51])
  })

  test('a backfill whose last bounds were erased sends the rest of their commit', async () => {
    const gone = [1, 2, 3].map((n) => session(n, { userId: 'u2' }))
    await t.send('acme', 1, batch(1, [...gone, ...sent(4, 6)]))
    await t.store.count('acme', { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER })
    receiver.reply = () => ({ status: 503 })
    const courier = await add({ eventsMax: 3 })
    await courier.backfill(session(1).startTimeUs, session(7).startTimeUs)
    await until(() => current(courier).state.failures > 0)
    await t.store.erase('acme', { userId: 'u2' })
    receiver.reply = () => ({ status: 200 })
    receiver.requests.length = 0
    await later(courier)
    await until(() => current(courier).state.backfills[0]!.endedAt !== null)
    expect(new Set(ids())).toEqual(new Set([idOf(4), idOf(5), idOf(6)]))
  })

  test('a backfill has the turns while what arrives waits to fill a batch', async () => {
    await t.send('acme', 1, batch(1, sent(1, 9)))
    await t.store.count('acme', { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER })
    const courier = await add({ fillSeconds: 3600, eventsMax: 4 })
    await t.send('acme', 1, batch(2, sent(10, 10)))
    await courier.backfill(session(1).startTimeUs, session(10).startTimeUs)
    await until(() => current(courier).state.backfills[0]!.endedAt !== null)
    expect(current(courier).state).toMatchObject({ delivered: 9, live: { pending: null } })
  })

  test('a batch waits to be full, as long as it is told to', async () => {
    const courier = await add({ fillSeconds: 3600, eventsMax: 4 })
    const isDelivered = async (count: number) => {
      await current(courier).hurry()
      return current(courier).state.delivered === count
    }
    for (let n = 1; n <= 6; n++) await t.send('acme', 1, batch(n, sent(n, n)))
    await until(() => isDelivered(4))
    await t.send('acme', 1, batch(7, sent(7, 8)))
    await until(() => isDelivered(8))
    await t.send('acme', 1, batch(8, sent(9, 9)))
    // It begins to wait when it is looked at first, and waits an hour from then.
    await until(() => {
      goOn(HOUR_MS)
      return isDelivered(9)
    })
    expect(receiver.requests.map((r) => r.text.trim().split('\n').length)).toEqual([4, 4, 1])
  })

  test('a batch is as large as it may be, and an event that is larger goes alone', async () => {
    const courier = await add({ bytesMax: 100 })
    await t.send('acme', 1, batch(1, sent(1, 3)))
    await until(() => current(courier).state.delivered === 3)
    expect(receiver.requests.length).toBe(3)
  })
})
