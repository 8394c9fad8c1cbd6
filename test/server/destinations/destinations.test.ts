/** Destinations on a real store: all that is stored gets there, whatever the receiver and the server do. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createLogger } from '../../../src/base/log.js'
import { LmdbControl } from '../../../src/server/control/lmdb/lmdb-control.js'
import type { Courier } from '../../../src/server/destinations/courier.js'
import { Destinations, type Wanted } from '../../../src/server/destinations/destinations.js'
import {
  BACKFILLS_MAX,
  DEAD_LETTERS_MAX,
  DESTINATIONS_OF_ORG_MAX,
  DestinationRecords,
} from '../../../src/server/destinations/records.js'
import { SECRETS_FILE } from '../../../src/server/destinations/secrets.js'
import type { Session } from '../../../src/session/session.js'
import { batch, session as sessionOf } from '../../support/batches.js'
import { type Received, Receiver } from '../../support/receiver.js'
import { TestStore } from '../../support/store.js'
import { until } from '../../support/until.js'

const HOUR_MS = 3600e3
const BASE_US = Date.now() * 1e3 - 3600e6

/** The same whenever it is asked for. */
function session(n: number, change: Partial<Session> = {}): Session {
  const startTimeUs = BASE_US + n * 1e6
  return sessionOf(n, { startTimeUs, endTimeUs: startTimeUs + 1000, ...change })
}

let t: TestStore
let control: LmdbControl
let receiver: Receiver
let destinations: Destinations
/** Ahead of the machine's clock: what is put off is due when the test says so. */
let aheadMs = 0

function open(): Destinations {
  return new Destinations({
    store: t.store,
    control,
    directory: t.directory,
    guard: { allowPlain: true, allowPrivate: true },
    log: createLogger('error'),
    version: '1.2.3',
    clockMs: () => Date.now() + aheadMs,
  })
}

beforeEach(async () => {
  aheadMs = 0
  t = await TestStore.open()
  control = new LmdbControl(join(t.directory, 'control'))
  await control.putOrg('acme', { retentionDays: -1 })
  await control.putOrg('other', { retentionDays: -1 })
  receiver = await Receiver.start()
  destinations = open()
  await destinations.start()
})
afterEach(async () => {
  await destinations.stop()
  await receiver.close()
  await control.close()
  await t.close()
})

const wanted = (change: Partial<Wanted> = {}): Wanted => ({
  name: 'siem',
  kind: 'webhook',
  records: 'sessions',
  settings: { url: receiver.url, format: 'ndjson', gzip: false, headers: {} },
  secrets: {},
  query: '',
  columns: null,
  eventsMax: 1000,
  bytesMax: 2 ** 20,
  fillSeconds: 0,
  pseudonyms: null,
  openSeconds: 0,
  ...change,
})
const add = (change: Partial<Wanted> = {}) => destinations.create('acme', wanted(change))
const ids = (requests?: readonly Received[]) => receiver.events(requests).map((e) => e.sessionId)
const sent = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => session(from + i))
const idOf = (n: number) => session(n).sessionId
const current = (courier: Courier) => destinations.get('acme', courier.record.id)
/** What it waits for is over. */
const later = async (courier: Courier) => {
  aheadMs += HOUR_MS
  await destinations.pause('acme', courier.record.id, false)
}

async function restart(): Promise<void> {
  await destinations.stop()
  destinations = open()
  await destinations.start()
}

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
    aheadMs += 61e3
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
    const [letter] = await current(courier).letters.read(current(courier).letters.all())
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
      aheadMs += HOUR_MS
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

  test('numbers of commits that were passed are not given again when what they brought is gone', async () => {
    const courier = await add()
    await t.send('acme', 1, batch(1, sent(1, 3)))
    await until(() => current(courier).state.delivered === 3)
    await destinations.stop()
    await t.store.erase('acme', { userId: 'u1' })
    const arrivalsAfter = new DestinationRecords(control).furthestArrival()
    await t.reopen({ arrivalsAfter })
    destinations = open()
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

describe('refusals', () => {
  const bad = (n: number) => (request: Received) => ({
    status: request.text.includes(idOf(n)) ? 422 : 200,
    text: 'destPort: expected a string',
  })

  test('one event that is refused is found by halving, listed, and the stream goes on', async () => {
    receiver.reply = bad(6)
    const courier = await add()
    await t.send('acme', 1, batch(1, sent(1, 10)))
    await until(() => current(courier).state.deadLettered === 1)
    expect(current(courier).state.delivered).toBe(9)
    const [letter] = destinations.records.deadLetters(courier.record.id)
    expect(letter).toMatchObject({ sessionId: idOf(6), siteId: 1, status: 422 })
    expect(letter!.text).toBe('destPort: expected a string')
    const [read] = await current(courier).letters.read([letter!])
    expect(JSON.parse(read!.event)).toMatchObject({ sessionId: idOf(6), siteId: 1 })
    await t.send('acme', 1, batch(2, sent(11, 12)))
    await until(() => current(courier).state.delivered === 11)

    expect(await current(courier).letters.resend()).toMatchObject({ delivered: 0, refused: 1 })
    receiver.reply = () => ({ status: 200 })
    expect(await current(courier).letters.resend()).toMatchObject({ delivered: 1, refused: 0 })
    expect(destinations.records.countDeadLetters(courier.record.id)).toBe(0)
    expect(current(courier).state.delivered).toBe(12)
  })

  test('a dead letter is shown as JSON and sent again as the receiver reads it: protobuf', async () => {
    receiver.reply = () => ({ status: 400, text: 'no' })
    const settings = { url: receiver.url, encoding: 'protobuf', gzip: false, headers: {} }
    const courier = await add({ kind: 'otlp', settings })
    await t.send('acme', 1, batch(1, sent(1, 1)))
    await until(() => current(courier).state.deadLettered === 1)
    const letters = destinations.records.deadLetters(courier.record.id)
    const [read] = await current(courier).letters.read(letters)
    expect(JSON.parse(read!.event)).toMatchObject({ eventName: 'tunmeter.session' })
    receiver.reply = () => ({ status: 200 })
    expect(await current(courier).letters.resend()).toMatchObject({ delivered: 1 })
    const [first, again] = [receiver.requests[0]!, receiver.requests.at(-1)!]
    expect(again.headers['content-type']).toBe('application/x-protobuf')
    expect(again.body.length).toBe(first.body.length)
    expect(again.text).toContain(idOf(1))
  })

  test('a dead letter holds no session: one that was erased is gone from it', async () => {
    receiver.reply = bad(1)
    const courier = await add()
    await t.send('acme', 1, batch(1, sent(1, 1)))
    await until(() => current(courier).state.deadLettered === 1)
    await t.store.erase('acme', { userId: 'u1' })
    expect(await current(courier).letters.resend()).toMatchObject({
      delivered: 0,
      refused: 0,
      gone: 1,
    })
  })

  test('a receiver that refuses all of it is blocked, and nothing is given up', async () => {
    receiver.reply = () => ({ status: 400, text: 'no' })
    const courier = await add()
    await t.send('acme', 1, batch(1, sent(1, 40)))
    await until(() => current(courier).state.blocked)
    expect(destinations.records.countDeadLetters(courier.record.id)).toBe(16)
    expect(current(courier).state.lastFailure?.text).toBe('16 events in a row were refused: no')
    receiver.reply = () => ({ status: 200 })
    receiver.requests.length = 0
    await later(courier)
    await until(() => current(courier).state.delivered === 40)
    expect(new Set(ids()).size).toBe(40)
  })

  test('a list of dead letters that is full blocks, too', async () => {
    receiver.reply = () => ({ status: 400, text: 'no' })
    const courier = await add()
    const { id } = courier.record
    const letter = { siteId: 9, at: '2026-11-29T00:00:00Z', status: 400, text: 'no' }
    for (let n = 0; n < DEAD_LETTERS_MAX; n++)
      void destinations.records.putDeadLetter(id, { ...letter, sessionId: idOf(n) })
    await t.send('acme', 1, batch(1, sent(1, 2)))
    await until(() => current(courier).state.blocked)
    expect(current(courier).state.lastFailure?.text).toBe('the list of dead letters is full: no')
    expect(await current(courier).letters.resend()).toMatchObject({ gone: DEAD_LETTERS_MAX })
    await later(courier)
    await until(() => current(courier).state.deadLettered === 2)
  })

  test('404 blocks with the first words of the answer, and is tried again after an hour', async () => {
    receiver.reply = () => ({ status: 404, text: `no${'!'.repeat(1000)}` })
    const courier = await add()
    await t.send('acme', 1, batch(1, sent(1, 1)))
    await until(() => current(courier).state.blocked)
    const { lastFailure, nextAttemptMs } = current(courier).state
    expect(lastFailure).toMatchObject({ status: 404, text: `no${'!'.repeat(298)}` })
    expect(nextAttemptMs - Date.parse(lastFailure!.at)).toBe(HOUR_MS)
  })

  test('Retry-After is waited', async () => {
    receiver.reply = () => ({ status: 503, headers: { 'retry-after': '1800' } })
    const courier = await add()
    await t.send('acme', 1, batch(1, sent(1, 1)))
    await until(() => current(courier).state.failures === 1)
    const { lastFailure, nextAttemptMs } = current(courier).state
    expect(nextAttemptMs - Date.parse(lastFailure!.at)).toBe(1800e3)
  })
})

describe('what else happens to it', () => {
  test('what the retention deletes undelivered is counted', async () => {
    receiver.reply = () => ({ status: 503 })
    const courier = await add({ query: 'port:443' })
    await t.send('acme', 1, batch(1, [...sent(1, 4), session(9, { destPort: 22 })]))
    await until(() => current(courier).state.failures > 0)
    const cutUs = session(3).endTimeUs
    await destinations.expiring('acme', cutUs)
    await t.store.expire('acme', cutUs)
    expect(current(courier).state.deletedUndelivered).toBe(2)
    receiver.reply = () => ({ status: 200 })
    receiver.requests.length = 0
    await later(courier)
    await until(() => current(courier).state.delivered === 2)
    // An attempt that was under way may have been refused once more.
    expect(new Set(ids())).toEqual(new Set([idOf(3), idOf(4)]))
  })

  test('what the retention deletes before a backfill has sent it is counted there', async () => {
    await t.send('acme', 1, batch(1, sent(1, 6)))
    await t.store.count('acme', { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER })
    receiver.reply = () => ({ status: 503 })
    const courier = await add()
    await courier.backfill(session(2).startTimeUs, session(6).startTimeUs)
    await until(() => current(courier).state.failures > 0)
    const cutUs = session(4).endTimeUs
    await destinations.expiring('acme', cutUs)
    await t.store.expire('acme', cutUs)
    receiver.reply = () => ({ status: 200 })
    await later(courier)
    await until(() => current(courier).state.backfills[0]!.endedAt !== null)
    const { backfills, deletedUndelivered } = current(courier).state
    expect(backfills[0]).toMatchObject({ delivered: 2, deletedUndelivered: 2 })
    expect(deletedUndelivered).toBe(0)
  })

  test('paused it sends nothing, and goes on where it was', async () => {
    const courier = await add()
    await destinations.pause('acme', courier.record.id, true)
    await t.send('acme', 1, batch(1, sent(1, 3)))
    await t.store.count('acme', { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER })
    expect(await current(courier).backlog.waiting()).toMatchObject({ sessions: 3 })
    await restart()
    await destinations.pause('acme', courier.record.id, false)
    await until(() => current(courier).state.delivered === 3)
    expect(ids()).toEqual([idOf(1), idOf(2), idOf(3)])
  })

  test('removed it is gone with all that was noted of it, and so are those of a removed organisation', async () => {
    receiver.reply = () => ({ status: 400 })
    const courier = await add()
    await destinations.create('other', wanted())
    await t.send('acme', 1, batch(1, sent(1, 1)))
    await until(() => current(courier).state.deadLettered === 1)
    expect(() => destinations.get('other', courier.record.id)).toThrow('there is no destination')
    await destinations.remove('acme', courier.record.id)
    expect(destinations.records.deadLetters(courier.record.id)).toEqual([])
    expect(destinations.records.state(courier.record.id)).toBeUndefined()
    await control.removeOrg('other')
    await restart()
    expect(destinations.all()).toEqual([])
  })

  test('what still goes on when it is changed or removed writes nothing of it any more', async () => {
    receiver.reply = () => ({ status: 400 })
    const courier = await add()
    const { id } = courier.record
    await t.send('acme', 1, batch(1, sent(1, 2)))
    await until(() => current(courier).state.deadLettered === 2)
    receiver.reply = () => ({ status: 0, hang: true })
    receiver.requests.length = 0
    const resending = current(courier).letters.resend()
    const over = expect(resending).rejects.toThrow('changed or removed meanwhile')
    await until(() => receiver.requests.length === 1)
    await destinations.remove('acme', id)
    await over
    expect(destinations.records.state(id)).toBeUndefined()
    expect(destinations.records.deadLetters(id)).toEqual([])
    await expect(courier.backfill(0, 1)).rejects.toThrow('changed or removed meanwhile')
    expect(destinations.records.state(id)).toBeUndefined()
  })

  test('with another address its secrets are to be given again, and none is sent there unsaid', async () => {
    const secrets = { authorization: 'Bearer hush-hush-hush' }
    const pseudonymKey = 'a-key-of-this-destination-0123456789'
    const { record } = await add({ secrets: { ...secrets, pseudonymKey } })
    const thief = await Receiver.start()
    const settings = { url: thief.url, format: 'ndjson', gzip: false, headers: {} }
    const change = (more: Wanted['secrets']) =>
      destinations.replace('acme', record.id, wanted({ settings, secrets: more }))
    await expect(change({})).rejects.toThrow('secrets.authorization: expected it again, or null')
    expect(destinations.get('acme', record.id).record.settings).toMatchObject({ url: receiver.url })
    const changed = await change({ authorization: null })
    expect(Object.keys(changed.record.secrets)).toEqual(['pseudonymKey'])
    await changed.test()
    expect(thief.requests[0]!.headers.authorization).toBeUndefined()
    await thief.close()
  })

  test('an answer that repeats a secret shows none, also where it is cut', async () => {
    const secrets = { authorization: 'Bearer hush-hush-hush-0123456789' }
    const courier = await add({ secrets })
    receiver.reply = ({ headers }) => ({ status: 403, text: `you sent ${headers.authorization}` })
    expect(await courier.test()).toMatchObject({ text: 'you sent ***' })
    receiver.reply = () => ({ status: 503, text: `${'x'.repeat(285)} hush-hush-hush-0123456789` })
    const { text } = (await courier.test()) as { text: string }
    expect(text).toBe(`${'x'.repeat(285)} ***`)
  })

  test('an organisation has a bounded number of them', async () => {
    for (let i = 0; i < DESTINATIONS_OF_ORG_MAX; i++) await add()
    await expect(add()).rejects.toThrow('at most 10 destinations')
    await destinations.create('other', wanted())
  })

  test('a change of two at once leaves one', async () => {
    const { record } = await add()
    await Promise.all([
      destinations.replace('acme', record.id, wanted({ name: 'a' })),
      destinations.replace('acme', record.id, wanted({ name: 'b' })),
    ])
    await t.send('acme', 1, batch(1, sent(1, 3)))
    await until(() => destinations.get('acme', record.id).state.delivered === 3)
    expect(ids().length).toBe(3)
  })
})
