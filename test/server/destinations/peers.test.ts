/** Destinations of events of peers, on a real store: the same promises as for sessions. */
import { join } from 'node:path'
import { EcsFlat } from '@elastic/ecs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createLogger } from '../../../src/base/log.js'
import { LmdbControl } from '../../../src/server/control/lmdb/lmdb-control.js'
import { Destinations } from '../../../src/server/destinations/destinations.js'
import { jsonRecords } from '../../../src/server/destinations/formats/otlp.js'
import {
  cimPeers,
  ecsPeers,
  ocsfPeers,
  peerPlan,
  testPeer,
} from '../../../src/server/destinations/formats/peers.js'
import { LmdbRecords } from '../../../src/server/destinations/lmdb-records.js'
import { Secrets } from '../../../src/server/destinations/secrets.js'
import type { Wanted } from '../../../src/server/destinations/wanted.js'
import { checkPeerEvents } from '../../../src/server/ingest/peer-events.js'
import { PEER_EVENT_NAMES, type PeerEvent } from '../../../src/session/peer-event.js'
import { batch, session } from '../../support/batches.js'
import { OcsfClass } from '../../support/ocsf.js'
import { aPeerEvent, PEER_KEY } from '../../support/peer-events.js'
import { Receiver } from '../../support/receiver.js'
import { TestStore } from '../../support/store.js'
import { until } from '../../support/until.js'

const AT_US = Date.now() * 1e3 - 3600e6
const EVERYTHING = [0, Number.MAX_SAFE_INTEGER] as const

let t: TestStore
let control: LmdbControl
let receiver: Receiver
let destinations: Destinations
let number: number

const open = () =>
  new Destinations({
    ...{ store: t.store, records: new LmdbRecords(control), secrets: new Secrets(t.directory) },
    version: '1.2.3',
    guard: { allowPlain: true, allowPrivate: true },
    log: createLogger('error'),
    clockMs: Date.now,
  })

beforeEach(async () => {
  number = 0
  t = await TestStore.open()
  control = new LmdbControl(join(t.directory, 'control'))
  await control.putOrg('acme', { retentionDays: -1 })
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
  ...{ name: 'siem', kind: 'webhook', records: 'peers', secrets: {}, query: '', columns: null },
  settings: { url: receiver.url, format: 'ndjson', gzip: false, headers: {} },
  ...{ eventsMax: 1000, bytesMax: 2 ** 20, fillSeconds: 0, pseudonyms: null, openSeconds: 0 },
  ...change,
})
const add = (change: Partial<Wanted> = {}) => destinations.create('acme', wanted(change))
const event = (n: number, change: Partial<PeerEvent> = {}) =>
  aPeerEvent({ timeUs: AT_US + n * 1e6, clientId: n, handshakeUs: null, ...change })

/** One batch of these events, and of a session. */
async function send(...events: PeerEvent[]): Promise<void> {
  const sent = batch(++number, [], { meterId: 'm' })
  const checked = checkPeerEvents(events, 'm', Number.MAX_SAFE_INTEGER, 0)
  await t.store.write({
    ...{ orgId: 'acme', siteId: 1, batch: sent },
    ...{ sessions: [{ ...session(number), orgId: 'acme', siteId: 1, meterId: 'm' }] },
    peerEvents: checked.events,
  })
}
const stored = () => t.store.count('acme', { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER })
const clients = () => receiver.events().map((e) => e.clientId)

describe('what is sent', () => {
  test('each event that arrives from now on, once and no sessions; stored ones by a backfill', async () => {
    await send(event(1), event(2))
    await stored()
    const courier = await add({ eventsMax: 2 })
    await send(event(3), event(4), event(5))
    await until(() => courier.state.delivered === 3)
    expect(clients().toSorted()).toEqual([3, 4, 5])
    await courier.backfill(...EVERYTHING)
    await until(() => courier.state.backfills[0]!.endedAt !== null)
    expect(clients().toSorted()).toEqual([1, 2, 3, 3, 4, 4, 5, 5])
    expect(receiver.events()[0]).toMatchObject({ event: 'connected', publicKey: PEER_KEY })
    expect(receiver.events()[0]).not.toHaveProperty('bytesTx')
    expect(await courier.backlog.waiting()).toEqual({ sessions: 0, oldestEndUs: null })
  })

  test('a range of times, and the numbers of commits go on after a restart', async () => {
    await send(event(1), event(2), event(3))
    await stored()
    const courier = await add()
    await courier.backfill(AT_US + 2e6, AT_US + 3e6)
    await until(() => courier.state.backfills[0]!.endedAt !== null)
    expect(clients()).toEqual([2])
    await destinations.stop()
    await t.reopen()
    destinations = open()
    await destinations.start()
    await send(event(4))
    await until(() => clients().length === 2)
    expect(clients()).toEqual([2, 4])
  })

  test('pseudonyms in place of persons, the same as in sessions', async () => {
    const secrets = { pseudonymKey: 'k'.repeat(32) }
    await add({ secrets, pseudonyms: { period: 'month', addresses: true } })
    await send(event(1, { allowedIps: '10.8.0.2/32' }))
    await until(() => receiver.requests.length === 1)
    const [text] = receiver.requests.map((r) => r.text)
    for (const plain of [PEER_KEY, '203.0.113.7', '10.8.0.2', '"userId":"u1"', '"clientId":1,'])
      expect(text).not.toContain(plain)
    expect(text).toMatch(/"userId":"p-[0-9a-f]{32}"/)
  })

  test('a refused event is a dead letter; it can be sent again, unless it was erased', async () => {
    receiver.reply = ({ text }) => ({ status: text.includes('"clientId":2,') ? 400 : 200 })
    const courier = await add()
    await send(event(1), event(2, { userId: 'u2' }), event(3))
    await until(() => courier.state.delivered === 2)
    expect(await courier.letters.all()).toHaveLength(1)
    expect(await courier.letters.resend()).toMatchObject({ refused: 1, gone: 0 })
    await t.store.erase('acme', { userId: 'u2' })
    expect(await courier.letters.resend()).toMatchObject({ refused: 0, gone: 1 })
  })

  test('what the retention deletes undelivered is counted', async () => {
    receiver.reply = () => ({ status: 503 })
    const courier = await add()
    await send(event(1), event(2))
    await until(() => courier.state.failures > 0)
    await destinations.expiring('acme', AT_US + 1.5e6)
    expect(courier.state.deletedUndelivered).toBe(1)
  })
})

test.each<[Partial<Wanted>, string]>([
  [{ query: 'port:ssh' }, 'q: '],
  [{ openSeconds: 60 }, 'openSeconds: '],
  [{ columns: ['bytesTx'] }, 'columns: peers have no field "bytesTx"'],
  [{ records: 'sessions', columns: ['endpointBefore'] }, 'sessions have no field'],
])('%j is refused', async (change, message) => {
  await expect(add(change)).rejects.toThrow(message)
  expect(await new LmdbRecords(control).load()).toMatchObject({ entries: [] })
})

describe('formats', () => {
  const row = {
    ...testPeer(AT_US),
    ...{ endpoint: '[2001:db8::7]:9', userId: 'u1', userEmail: 'a@example.org', siteId: 3 },
    ...{ publicKey: PEER_KEY, clientId: 7, clientName: 'laptop' },
  }
  const leaves = (value: unknown, path = ''): [string, unknown][] =>
    typeof value !== 'object' || value === null || Array.isArray(value)
      ? [[path, value]]
      : Object.entries(value).flatMap(([k, one]) => leaves(one, path ? `${path}.${k}` : k))

  test.each(PEER_EVENT_NAMES)('%s in ECS has fields and words of the schema, or ours', (name) => {
    const document = JSON.parse(JSON.stringify(ecsPeers(null)({ ...row, event: name })))
    const fields = EcsFlat as unknown as Record<
      string,
      { allowed_values?: { name: string; expected_event_types?: string[] }[] }
    >
    for (const [path] of leaves(document).filter(([p]) => !p.startsWith('tunmeter.')))
      expect(fields[path], path).toBeDefined()
    const { expected_event_types: types } = fields['event.category']!.allowed_values!.find(
      (one) => one.name === 'network',
    )!
    for (const type of document.event.type) expect(types).toContain(type)
    expect(document).toMatchObject({
      event: { action: name, dataset: 'tunmeter.peer' },
      source: { ip: '2001:db8::7', port: 9 },
      user: { id: 'u1', email: 'a@example.org' },
      tunmeter: { client_name: 'laptop', public_key: PEER_KEY },
    })
  })

  test.each(PEER_EVENT_NAMES)('%s in OCSF has what Tunnel Activity needs and knows', (name) => {
    const schema = new OcsfClass('tunnel-activity')
    for (const one of [row, { ...testPeer(AT_US), endpoint: null }]) {
      const event = JSON.parse(JSON.stringify(ocsfPeers(null)({ ...one, event: name })))
      schema.check(event)
      expect(event.metadata.version).toBe(schema.version)
      expect(event.unmapped.event).toBe(name)
    }
  })

  test('OCSF: Tunnel Activity, open, close, and other', () => {
    const of = (event: PeerEvent['event']) => ocsfPeers(null)({ ...row, event })
    expect(of('connected')).toMatchObject({
      ...{ class_uid: 4014, category_uid: 4, activity_id: 1, type_uid: 401_401 },
      ...{ src_endpoint: { ip: '2001:db8::7', port: 9 }, user: { uid: 'u1' } },
      ...{ activity_name: 'Open', tunnel_interface: { name: 'test', type_id: 4 } },
    })
    expect(of('disconnected')).toMatchObject({
      ...{ activity_id: 2, activity_name: 'Close', type_uid: 401_402 },
    })
    expect(of('gone')).toMatchObject({ activity_id: 99, activity_name: 'gone' })
  })

  test('OTLP and CIM', () => {
    expect(jsonRecords(peerPlan(null))(row)).toMatchObject({
      ...{ eventName: 'tunmeter.peer', body: { stringValue: 'connected laptop [2001:db8::7]:9' } },
      attributes: expect.arrayContaining([
        { key: 'source.address', value: { stringValue: '2001:db8::7' } },
        { key: 'tunmeter.client_id', value: { intValue: '7' } },
      ]),
    })
    expect(cimPeers(['userId', 'endpoint'])(row)).toEqual({
      ...{ userId: 'u1', endpoint: row.endpoint, user: 'u1', src_ip: '2001:db8::7', src_port: 9 },
    })
    const otlpPeers = (columns: null) => jsonRecords(peerPlan(columns))
    for (const write of [ecsPeers, ocsfPeers, otlpPeers, cimPeers])
      expect(JSON.stringify(write(null)(row, true))).toMatch(/test":true|test","value":\{"boolV/)
  })
})
