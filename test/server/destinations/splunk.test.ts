/** Splunk's HTTP Event Collector: what is sent, and what its codes mean (as documented: a double answers). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { testRow } from '../../../src/server/destinations/events.js'
import { cimWriter } from '../../../src/server/destinations/formats/cim.js'
import { seconds, splunk } from '../../../src/server/destinations/kinds/splunk.js'
import type { LogRow } from '../../../src/server/store/store.js'
import { Receiver } from '../../support/receiver.js'

const END_US = Date.UTC(2026, 10, 28, 10) * 1e3 + 7_999
const row = (n: number, change: Partial<LogRow> = {}): LogRow => ({
  ...testRow('acme', END_US + n * 1e6),
  ...{ meterId: 'gw-"berlin"', bytesTx: 10, bytesRx: 20, packetsTx: 1, packetsRx: 2, userId: 'u1' },
  ...change,
})

let receiver: Receiver
beforeEach(async () => {
  receiver = await Receiver.start()
  receiver.reply = () => ({ status: 200, text: '{"text":"Success","code":0}' })
})
afterEach(() => receiver.close())

async function send(rows: readonly LogRow[], settings = {}, columns: string[] | null = null) {
  const open = splunk.open({
    settings: splunk.settings.parse({ url: `http://127.0.0.1:${receiver.port}/x/`, ...settings }),
    ...{ secrets: { token: 'B5A79AAD' }, columns, version: '1.2.3' },
    guard: { allowPlain: true, allowPrivate: true },
  })
  const events = rows.map((one) => JSON.stringify(cimWriter(columns)(one)))
  const delivery = { id: 'd1.0-1.1', orgId: 'acme', sinceMs: 0, events, rows }
  return open
    .deliver({ ...delivery, signal: new AbortController().signal })
    .finally(() => open.close())
}

test('objects one after the other, the time as a decimal number, names of the CIM beside ours', async () => {
  expect(await send([row(0), row(1)], { index: 'vpn' })).toEqual({ kind: 'delivered', status: 200 })
  const [{ path, headers, text }] = receiver.requests as [(typeof receiver.requests)[0]]
  expect(path).toBe('/x/services/collector/event')
  expect(headers).toMatchObject({ authorization: 'Splunk B5A79AAD', 'content-encoding': 'gzip' })
  const [first, second] = text.split('\n') as [string, string]
  expect(first).toMatch(/^\{"time":1795860000\.007,/)
  expect(second).toMatch(/^\{"time":1795860001\.007,/)
  expect(JSON.parse(first)).toMatchObject({
    host: 'gw-"berlin"',
    source: 'tunmeter',
    sourcetype: 'tunmeter:session',
    index: 'vpn',
    event: {
      ...{ sourceAddr: '192.0.2.1:1024', src_ip: '192.0.2.1', src_port: 1024, transport: 'tcp' },
      ...{ dest_ip: '198.51.100.1', dest_port: 443, bytes_in: 20, bytes_out: 10, bytes: 30 },
      ...{ packets_in: 2, packets_out: 1, packets: 3, user: 'u1', duration: 0 },
      session_id: '0'.repeat(26),
    },
  })
  expect(headers).not.toHaveProperty('x-splunk-request-channel')
})

test('only the fields that are asked for, also around an event', async () => {
  await send([row(0)], {}, ['destAddr', 'bytesTx'])
  const { text } = receiver.requests[0]!
  for (const word of ['berlin', '192.0.2.1', 'u1', '"bytes"']) expect(text).not.toContain(word)
  expect(JSON.parse(text)).toMatchObject({ host: 'tunmeter', event: { bytes_out: 10 } })
})

test.each([
  [0, '0.000'],
  [999_999, '0.999'],
  [1_790_000_001_000_500, '1790000001.000'],
  [8_999_999_999_999_999, '8999999999.999'],
])('%i µs are %s s', (us, text) => {
  expect(seconds(us)).toBe(text)
})

describe('codes', () => {
  const CODES: [number, number, string][] = [
    [400, 5, 'blocked'],
    [400, 6, 'refused'],
    [400, 7, 'blocked'],
    [400, 10, 'blocked'],
    [400, 11, 'blocked'],
    [400, 12, 'refused'],
    [400, 13, 'refused'],
    [400, 14, 'blocked'],
    [400, 15, 'refused'],
    [403, 1, 'blocked'],
    [401, 3, 'blocked'],
    [403, 4, 'blocked'],
    [500, 8, 'later'],
    [503, 9, 'later'],
    [503, 18, 'later'],
    [503, 20, 'later'],
    [503, 23, 'later'],
    [429, 24, 'later'],
  ]
  test.each(CODES)('%i with code %i is %s', async (status, code, kind) => {
    receiver.reply = () => ({ status, text: JSON.stringify({ text: 'why', code }) })
    expect(await send([row(0)])).toMatchObject({ kind, status, text: `code ${code}: why` })
  })

  test('the event that is to blame is named', async () => {
    const said = { text: 'Event field is required', code: 12, 'invalid-event-number': 1 }
    receiver.reply = () => ({ status: 400, text: JSON.stringify(said) })
    expect(await send([row(0), row(1)])).toMatchObject({ kind: 'refused', at: 1 })
  })

  test.each([24, 25])('%i has taken it and asks to slow down', async (code) => {
    receiver.reply = () => ({ status: 200, text: JSON.stringify({ text: 'full', code }) })
    expect(await send([row(0)])).toEqual({ kind: 'delivered', status: 200, afterMs: 10_000 })
  })

  test.each([['<html>'], ['[]'], ['{"code":"x"}'], ['']])('%j has none', async (text) => {
    receiver.reply = () => ({ status: 503, text })
    expect(await send([row(0)])).toMatchObject({ kind: 'later', status: 503 })
    // Nobody says that it was taken.
    receiver.reply = () => ({ status: 200, text })
    expect(await send([row(0)])).toMatchObject({ kind: 'blocked', status: 200 })
  })
})

describe('acknowledgement by the indexers', () => {
  test('is asked for on the channel of the request until it is there', async () => {
    let polls = 0
    receiver.reply = ({ path }) => {
      if (path.endsWith('/event'))
        return { status: 200, text: '{"text":"Success","code":0,"ackId":7}' }
      return { status: 200, text: JSON.stringify({ acks: { 7: ++polls === 2 } }) }
    }
    expect(await send([row(0)], { ack: true })).toEqual({ kind: 'delivered', status: 200 })
    const [event, ...asked] = receiver.requests
    const channel = event!.headers['x-splunk-request-channel'] as string
    expect(channel).toMatch(/^[0-9a-f-]{36}$/)
    expect(asked.map(({ path, text }) => [path, text])).toEqual([
      [`/x/services/collector/ack?channel=${channel}`, '{"acks":[7]}'],
      [`/x/services/collector/ack?channel=${channel}`, '{"acks":[7]}'],
    ])
  })

  test('that is not enabled blocks, and one that fails is tried again', async () => {
    expect(await send([row(0)], { ack: true })).toMatchObject({ kind: 'blocked', status: 200 })
    receiver.reply = ({ path }) =>
      path.endsWith('/event')
        ? { status: 200, text: '{"code":0,"ackId":7}' }
        : { status: 503, text: 'no' }
    expect(await send([row(0)], { ack: true })).toMatchObject({ kind: 'later', status: 503 })
  })
})
