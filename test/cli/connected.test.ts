/** `tunmeter connected` against a server: who, when, from where; and each event. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { localTime } from '../../src/base/local-time.js'
import type { PeerEvent } from '../../src/session/peer-event.js'
import { batch, report } from '../support/batches.js'
import { aPeerEvent } from '../support/peer-events.js'
import { runHere } from '../support/run-here.js'
import { TestServer } from '../support/server.js'

let server: TestServer
let admin: string
const HOME = '203.0.113.7:51820'
const CAFE = '198.51.100.9:4500'
const OLD = `${'O'.repeat(42)}A=`
const STRANGER = `+${'B'.repeat(41)}A=`
const NOW_MS = Math.floor(Date.now() / 1e3) * 1e3
const ms = (hoursAgo: number) => NOW_MS - hoursAgo * 3600e3
const at = (hoursAgo: number, change: Partial<PeerEvent> = {}) =>
  aPeerEvent({ timeUs: ms(hoursAgo) * 1e3, endpoint: HOME, ...change })
const ofNobody = { clientId: null, userId: null, publicKey: STRANGER }

beforeAll(async () => {
  server = await TestServer.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  await server.request('PUT', '/api/v1/org/acme/catalog', admin, {
    clients: [{ clientId: 1, name: 'Anna\u2019s laptop', userId: 'u1' }],
    users: [{ userId: 'u1', name: 'Anna' }],
    sites: [{ siteId: 1, name: 'Berlin' }],
  })
  const peerEvents = [
    at(8),
    at(7, { event: 'endpointChanged', endpoint: CAFE, endpointBefore: HOME }),
    at(6, { event: 'disconnected', endpoint: CAFE }),
    at(2, { already: true }),
    at(1, ofNobody),
    // Nobody told for a day that it goes on.
    at(30, { ...ofNobody, publicKey: OLD, endpoint: CAFE }),
  ]
  const sent = batch(1, [], { peerEvents, report: report({ at: new Date().toISOString() }) })
  await server.request('POST', '/api/v1/org/acme/site/1/sessions', admin, sent)
})
afterAll(() => server.stop())

function connected(...args: string[]) {
  const all = ['connected', ...args, '--server', server.url]
  return runHere(all, { env: { TUNMETER_KEY: admin, COLUMNS: '200' } }).finished
}
const cells = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.trim().split(/ {2,}/))

test('who was connected, the newest last', async () => {
  const { code, stdout, stderr } = await connected()
  expect(code).toBe(0)
  expect(cells(stdout)).toEqual([
    ['FROM', 'TO', 'CLIENT', 'USER', 'SITE', 'ENDPOINT', 'BEFORE'],
    [localTime(ms(30)), '?', OLD, 'Berlin', CAFE],
    [localTime(ms(8)), localTime(ms(6)), 'Anna\u2019s laptop', 'Anna', 'Berlin', CAFE, HOME],
    [`≤${localTime(ms(2))}`, 'now', 'Anna\u2019s laptop', 'Anna', 'Berlin', HOME],
    [localTime(ms(1)), 'now', STRANGER, 'Berlin', HOME],
  ])
  expect(stderr).toContain('4 connections of acme, local time (')
})

test('who is now, by name, in a range, by key', async () => {
  const count = async (...args: string[]) => cells((await connected(...args)).stdout).length - 1
  expect(await count('--now')).toBe(2)
  expect(await count('--client', 'anna')).toBe(2)
  expect(await count('--client', 'none')).toBe(2)
  expect(await count('--user', 'anna', '--now')).toBe(1)
  expect(await count('--site', 'berlin')).toBe(4)
  expect(await count('--public-key', STRANGER)).toBe(1)
  expect(
    await count('--from', new Date(ms(5)).toISOString(), '--to', new Date(ms(1.5)).toISOString()),
  ).toBe(2)
})

test('each event, and for programs', async () => {
  const { stdout } = await connected('--events', '--client', '1')
  expect(cells(stdout)).toEqual([
    ['TIME', 'EVENT', 'CLIENT', 'USER', 'SITE', 'ENDPOINT', 'BEFORE'],
    [localTime(ms(8)), 'connected', 'Anna\u2019s laptop', 'Anna', 'Berlin', HOME],
    [localTime(ms(7)), 'endpointChanged', 'Anna\u2019s laptop', 'Anna', 'Berlin', CAFE, HOME],
    [localTime(ms(6)), 'disconnected', 'Anna\u2019s laptop', 'Anna', 'Berlin', CAFE],
    [localTime(ms(2)), 'connected already', 'Anna\u2019s laptop', 'Anna', 'Berlin', HOME],
  ])
  const json = (await connected('--json', '--limit', '1')).stdout
  expect(JSON.parse(json)).toMatchObject({
    state: 'connected',
    publicKey: STRANGER,
    endpoints: [HOME],
  })
  expect((await connected('--limit', '1')).stderr).toContain('--limit N shows more')
})

test.each([
  [['--now', '--events'], 2, 'leave out --events'],
  [['--client', 'nobody'], 2, 'the catalog has no client with "nobody" in its name'],
  [['--public-key', 'x'], 1, 'publicKey: expected a WireGuard public key'],
  [['--limit', '0'], 2, '--limit'],
])('a mistake is told: %s', async (args, code, message) => {
  const ended = await connected(...args)
  expect([ended.code, ended.stderr]).toEqual([code, expect.stringContaining(message)])
})

test('nobody: nothing but the word of it', async () => {
  const { stdout, stderr } = await connected('--to', '2026-01-02')
  expect([stdout, stderr]).toEqual(['', expect.stringContaining('0 connections of acme')])
})
