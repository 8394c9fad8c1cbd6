/** OTLP/HTTP: what is sent, read by the protocol's own definitions, and what answers mean. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import protobuf from 'protobufjs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { testRow } from '../../../src/server/destinations/events.js'
import type { KeyValue } from '../../../src/server/destinations/formats/otlp.js'
import { testPeer } from '../../../src/server/destinations/formats/peers.js'
import { bodiesOf } from '../../../src/server/destinations/kinds/kinds.js'
import { otlp } from '../../../src/server/destinations/kinds/otlp.js'
import { partialSuccessOf } from '../../../src/server/destinations/kinds/otlp-protobuf.js'
import { peerSent, type SentRow } from '../../../src/server/destinations/rows.js'
import type { LogRow } from '../../../src/server/store/store.js'
import { TIME_US_MAX } from '../../../src/session/bounds.js'
import { type Received, Receiver } from '../../support/receiver.js'

const root = new protobuf.Root()
for (const name of ['common', 'resource', 'logs', 'logs_service'])
  protobuf.parse(
    readFileSync(new URL(`../../support/otlp/${name}.proto`, import.meta.url), 'utf8'),
    root,
  )
const COLLECTOR = 'opentelemetry.proto.collector.logs.v1.ExportLogs'
const Request = root.lookupType(`${COLLECTOR}ServiceRequest`)
const Response = root.lookupType(`${COLLECTOR}ServiceResponse`)

const END_US = Date.UTC(2026, 10, 28, 10) * 1e3 + 123_456
const SINCE_MS = Date.UTC(2026, 10, 28, 10, 1)
const row = (n: number, change: Partial<LogRow> = {}): LogRow => ({
  ...testRow('acme', END_US + n),
  ...{ siteId: 3, meterId: 'gw-berlin', bytesTx: 2 ** 53 - 1, userName: `Zoë ${'x'.repeat(n)}` },
  ...change,
})

let receiver: Receiver
beforeEach(async () => {
  receiver = await Receiver.start()
})
afterEach(() => receiver.close())

interface ResourceLogs {
  readonly scopeLogs: readonly { readonly logRecords: readonly unknown[] }[]
}

interface Sending {
  readonly settings?: object
  readonly secrets?: Record<string, string>
  readonly columns?: readonly string[]
  readonly isTest?: boolean
}

async function send(
  rows: readonly SentRow[],
  { settings: given = {}, secrets = {}, columns: asked, isTest }: Sending = {},
) {
  const url = `http://127.0.0.1:${receiver.port}`
  const settings = otlp.settings.parse({ url, ...given })
  const columns = asked ?? null
  const open = otlp.open({
    ...{ settings, secrets, columns, version: '1.2.3' },
    guard: { allowPlain: true, allowPrivate: true },
  })
  const events = bodiesOf({ kind: 'otlp', settings, columns })(rows, isTest)
  const delivery = { id: 'd1.0-1.1', orgId: 'acme', sinceMs: SINCE_MS, events, rows }
  return open
    .deliver({ ...delivery, signal: new AbortController().signal })
    .finally(() => open.close())
}

const unpacked = ({ headers, body }: Received) =>
  headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
/** As the JSON mapping has it; protobufjs writes 64-bit integers as texts, and enums as numbers. */
const decoded = (request: Received) => {
  const message = Request.decode(unpacked(request))
  expect(Request.verify(message)).toBeNull()
  return Request.toObject(message, { longs: String })
}

/** The same rows in both encodings. */
async function sendBoth(rows: readonly SentRow[], more: Sending = {}) {
  await send(rows, { ...more, settings: { encoding: 'protobuf' } })
  await send(rows, { ...more, settings: { encoding: 'json', gzip: false } })
  const [binary, json] = receiver.requests as [Received, Received]
  return { binary, json, expected: JSON.parse(json.text) }
}

test('protobuf is read by the official definitions as what JSON says', async () => {
  // Lengths that need one, two and three bytes.
  const rows = [row(1), row(100, { meterId: 'gw-2' }), row(20_000), row(2, { siteId: 4 })]
  const { binary, json, expected } = await sendBoth(rows)
  expect(binary.headers).toMatchObject({
    'content-type': 'application/x-protobuf',
    'content-encoding': 'gzip',
  })
  expect(json.headers['content-type']).toBe('application/json')
  expect(decoded(binary)).toEqual(expected)
  expect(expected.resourceLogs).toHaveLength(3)
  expect(binary.path).toBe('/v1/logs')
})

test.each([
  [
    'numbers of every length',
    [0, 127, 128, 2 ** 14, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 49, 2 ** 53 - 1].map((bytesTx) =>
      row(1, { bytesTx }),
    ),
  ],
  [
    'texts of every length and script',
    [
      '',
      'a'.repeat(64),
      'a'.repeat(65),
      `${'a'.repeat(63)}ü`,
      'ü',
      '日本語'.repeat(50),
      '🚇',
      'x'.repeat(127),
      'x'.repeat(128),
    ].map((userName) => row(1, { userName })),
  ],
  [
    'times that are no exact numbers in nanoseconds',
    [1, 2 ** 32 - 1, 2 ** 32, END_US, TIME_US_MAX].map((endTimeUs) => row(0, { endTimeUs })),
  ],
  ['what is not known', [row(1, { connState: null, sourcePort: 0, bytesTx: null, bytesRx: null })]],
  [
    'events of peers',
    [
      peerSent({ ...testPeer(END_US), userName: 'Zoë' }),
      peerSent({ ...testPeer(END_US), endpoint: null, event: 'gone' }),
    ],
  ],
] satisfies [string, SentRow[]][])('both encodings agree: %s', async (_, rows) => {
  const { binary, expected } = await sendBoth(rows)
  expect(decoded(binary)).toEqual(expected)
  expect(expected.resourceLogs[0].scopeLogs[0].logRecords).toHaveLength(rows.length)
})

test('both encodings mark a test, and send the fields that are asked for', async () => {
  const { binary, expected } = await sendBoth([row(1)], { isTest: true, columns: ['bytesTx'] })
  expect(decoded(binary)).toEqual(expected)
  expect(expected.resourceLogs[0].scopeLogs[0].logRecords[0].attributes).toEqual([
    { key: 'tunmeter.test', value: { boolValue: true } },
    { key: 'tunmeter.bytes_tx', value: { intValue: '9007199254740991' } },
  ])
})

test('one resource for each meter, one record for each session', async () => {
  await send([row(1), row(2, { meterId: 'gw-2' }), row(3)], { settings: { encoding: 'json' } })
  const { resourceLogs } = JSON.parse(receiver.requests[0]!.text)
  expect(resourceLogs.map((one: ResourceLogs) => one.scopeLogs[0]!.logRecords.length)).toEqual([
    2, 1,
  ])
  const [{ resource, scopeLogs }] = resourceLogs
  expect(resource.attributes).toEqual([
    { key: 'service.name', value: { stringValue: 'tunmeter' } },
    { key: 'host.name', value: { stringValue: 'gw-berlin' } },
    { key: 'tunmeter.org.id', value: { stringValue: 'acme' } },
    { key: 'tunmeter.site.id', value: { intValue: '3' } },
  ])
  expect(scopeLogs[0].scope).toEqual({ name: 'tunmeter', version: '1.2.3' })
  const [record] = scopeLogs[0].logRecords
  expect(record).toMatchObject({
    timeUnixNano: `${END_US + 1}000`,
    observedTimeUnixNano: `${SINCE_MS}000000`,
    severityNumber: 9,
    eventName: 'tunmeter.session',
    body: { stringValue: 'tcp 192.0.2.1:1024 > 198.51.100.1:443 SF' },
  })
  const attributes = Object.fromEntries(
    record.attributes.map(({ key, value }: KeyValue) => [key, value]),
  )
  expect(attributes).toMatchObject({
    'source.address': { stringValue: '192.0.2.1' },
    'source.port': { intValue: '1024' },
    'network.transport': { stringValue: 'tcp' },
    'tunmeter.bytes_tx': { intValue: '9007199254740991' },
    'tunmeter.duration': { doubleValue: 0 },
    'tunmeter.midstream': { boolValue: false },
    'user.name': { stringValue: 'Zoë x' },
  })
})

test('only the fields that are asked for, also in what is around a record', async () => {
  await send([row(1)], { columns: ['destAddr', 'bytesTx'], settings: { encoding: 'json' } })
  const { text } = receiver.requests[0]!
  for (const word of ['192.0.2.1', 'gw-berlin', 'acme', 'Zoë', '1024'])
    expect(text).not.toContain(word)
  expect(text).toContain('> 198.51.100.1:443')
})

describe('a request that is taken in part', () => {
  const answer = (rejectedLogRecords: number, errorMessage: string) => ({
    partialSuccess: { rejectedLogRecords, errorMessage },
  })
  const expected = {
    kind: 'delivered',
    status: 200,
    rejected: { events: 2, text: '2 of 3 records were rejected: too old' },
  }
  const rows = [row(1), row(2), row(3)]

  test('says so in protobuf', async () => {
    const bytes = Buffer.from(Response.encode(Response.fromObject(answer(2, 'too old'))).finish())
    expect(partialSuccessOf(bytes)).toEqual(answer(2, 'too old').partialSuccess)
    // The receiver of the tests writes texts.
    receiver.reply = () => ({ status: 200, text: bytes.toString('latin1') })
    expect(await send(rows)).toEqual(expected)
  })

  test.each(['2', 2])('says so in JSON, the number as %j', async (rejectedLogRecords) => {
    const partialSuccess = { rejectedLogRecords, errorMessage: 'too old' }
    receiver.reply = () => ({ status: 200, text: JSON.stringify({ partialSuccess }) })
    expect(await send(rows, { settings: { encoding: 'json' } })).toEqual(expected)
  })

  test.each([
    ['', 'protobuf'],
    ['{}', 'json'],
    ['', 'json'],
    ['<html>', 'json'],
    ['\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff', 'protobuf'],
    ['\n\u0003ab', 'protobuf'],
    ['{"partialSuccess":{"errorMessage":"slow"}}', 'json'],
    ['{"partialSuccess":{"rejectedLogRecords":"-5"}}', 'json'],
  ])('%j (%s) says nothing of a part', async (text, encoding) => {
    receiver.reply = () => ({ status: 200, text })
    const outcome = await send(rows, { settings: { encoding } })
    expect(outcome).toEqual({ kind: 'delivered', status: 200 })
  })
})

test.each([
  [429, 'later'],
  [502, 'later'],
  [503, 'later'],
  [504, 'later'],
  [500, 'later'],
  [400, 'refused'],
  [413, 'refused'],
  [401, 'blocked'],
  [404, 'blocked'],
  [415, 'blocked'],
])('%i is %s', async (status, kind) => {
  receiver.reply = () => ({ status, text: 'because' })
  expect(await send([row(1)])).toMatchObject({ kind, status, text: 'because' })
})

test('the key in a header of its own, and a path that is there already', async () => {
  const url = `http://127.0.0.1:${receiver.port}/otlp/v1/logs/`
  const header = 'DD-API-KEY: 0123456789abcdef'
  await send([row(1)], { settings: { url }, secrets: { header, authorization: 'Basic x' } })
  expect(receiver.requests[0]).toMatchObject({
    path: '/otlp/v1/logs',
    headers: { 'dd-api-key': '0123456789abcdef', authorization: 'Basic x' },
  })
})

test.each(['x', 'Host: a', 'content-type: a', 'a b: c', 'a: b\r\nc: d', 'Authorization: x'])(
  '%j is no header of one’s own',
  (text) => {
    expect(otlp.secrets.header!.schema.safeParse(text).success).toBe(false)
  },
)
