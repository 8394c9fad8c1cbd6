/** The log of peers over HTTP: from a meter's batch to pages, files and connections. */
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readLogged } from '../../../src/server/ingest/logged.js'
import type { PeerEvent } from '../../../src/session/peer-event.js'
import { batch, report, session } from '../../support/batches.js'
import { aPeerEvent, PEER_KEY } from '../../support/peer-events.js'
import { TestServer } from '../../support/server.js'

let server: TestServer
let admin: string
let reader: string
let ingest: string
const ORG = '/api/v1/org/acme'
const PLUS_KEY = `+${'B'.repeat(41)}A=`
const OLD_KEY = `${'O'.repeat(42)}A=`
const NOW_US = Math.floor(Date.now() / 1e3) * 1e6
const at = (secondsAgo: number, change: Partial<PeerEvent> = {}) =>
  aPeerEvent({ timeUs: NOW_US - secondsAgo * 1e6, handshakeUs: null, ...change })
const iso = (secondsAgo: number) => new Date((NOW_US - secondsAgo * 1e6) / 1e3).toISOString()

let number = 0
function send(
  peerEvents: readonly unknown[],
  { org = 'acme', site = 1, key = ingest, sessions = [] as object[] } = {},
) {
  const body = {
    ...batch(++number, []),
    meterId: 'm1',
    report: report({ at: new Date().toISOString() }),
    peerEvents,
    sessions,
  }
  return server.request('POST', `/api/v1/org/${org}/site/${site}/sessions`, key, body)
}
const get = async (path: string, key = reader) =>
  (await server.get(`${ORG}/logs/peers${path}`, key)).body

beforeAll(async () => {
  server = await TestServer.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  reader = await server.key({ scope: 'read', org: 'acme' })
  ingest = await server.key({ scope: 'ingest', org: 'acme', site: 1 })
  await server.request('PUT', `${ORG}/catalog`, admin, {
    clients: [
      { clientId: 1, name: '=cmd|calc', userId: 'u1' },
      { clientId: 2, name: 'Büro, "groß"' },
    ],
    users: [{ userId: 'u1', name: 'Ada' }],
    sites: [{ siteId: 1, name: 'Berlin' }],
  })
  const sent = await send([
    at(500),
    at(400, {
      event: 'endpointChanged',
      endpoint: '[2001:db8::7]:9',
      endpointBefore: '203.0.113.7:51820',
    }),
    at(300, { event: 'disconnected' }),
    at(200, { clientId: 2, userId: null, publicKey: PLUS_KEY, already: true }),
    at(100, {
      event: 'added',
      clientId: null,
      userId: null,
      endpoint: null,
      allowedIps: '10.8.0.9/32 fd00::9/128',
    }),
  ])
  expect(sent.body.data).toMatchObject({ stored: 0, peerEvents: 5 })
})
afterAll(() => server.stop())

test('a page is newest first, and each follows by its cursor', async () => {
  const { data } = await get('?limit=2')
  expect(data.log[0]).toEqual({
    time: iso(100),
    event: 'added',
    siteId: 1,
    siteName: 'Berlin',
    meterId: 'm1',
    interface: 'wg0',
    publicKey: PEER_KEY,
    clientId: null,
    clientName: null,
    userId: null,
    userName: null,
    userEmail: null,
    endpoint: null,
    endpointBefore: null,
    allowedIps: '10.8.0.9/32 fd00::9/128',
    allowedIpsBefore: null,
    handshake: null,
    already: false,
    eventId: expect.any(String),
  })
  const times: string[] = []
  let cursor = ''
  do {
    const page = (await get(`?limit=2${cursor}`)).data
    times.push(...page.log.map((row: { time: string }) => row.time))
    cursor = page.pagination.nextCursor === null ? '' : `&cursor=${page.pagination.nextCursor}`
  } while (cursor !== '')
  expect(times).toEqual([100, 200, 300, 400, 500].map(iso))
})

test.each([
  ['clientId=2', 1],
  ['clientId=none', 1],
  ['userId=u1', 3],
  ['siteId=2', 0],
  ['event=connected,added', 3],
  [`publicKey=${encodeURIComponent(PLUS_KEY)}`, 1],
  [`publicKey=${PLUS_KEY}`, 1],
  [`timeStart=${iso(400)}&timeEnd=${iso(200)}`, 2],
  ['timeEnd=2026-01-01', 0],
])('filter %s: %i', async (query, count) => {
  expect((await get(`?${query}`)).data.log).toHaveLength(count)
})

test.each([
  ['?event=seen', 'event'],
  ['?publicKey=x', 'publicKey'],
  ['?cursor=abc', 'cursor'],
  ['?limit=0', 'limit'],
  ['?timeStart=2026-11-02&timeEnd=2026-11-01', 'timeEnd'],
  ['?offset=1', 'offset'],
  ['/export?format=parquet', 'format'],
  ['/connections?open=maybe', 'open'],
])('a wrong value is told: %s', async (path, name) => {
  const answer = await get(path)
  expect([answer.success, answer.code]).toEqual([false, 'badRequest'])
  expect(answer.message).toContain(name)
})

test('who was connected, from where, and that nothing is known of a meter that is silent', async () => {
  const { connections, more } = (await get('/connections')).data
  expect(more).toBe(false)
  expect(connections).toMatchObject([
    { clientName: 'Büro, "groß"', state: 'connected', from: iso(200), to: null, already: true },
    {
      clientId: 1,
      userName: 'Ada',
      state: 'ended',
      from: iso(500),
      to: iso(300),
      already: false,
      endpoint: '[2001:db8::7]:9',
      endpoints: ['203.0.113.7:51820', '[2001:db8::7]:9'],
    },
  ])
  // Its meter reports, and has not told it for more than a day.
  await send([at(27 * 3600, { clientId: 9, publicKey: OLD_KEY })])
  expect((await get('/connections?clientId=9')).data.connections).toMatchObject([
    { state: 'unknown', to: null },
  ])
  // It began later, and nothing is known of it.
  await send([at(26.5 * 3600, { clientId: 8, publicKey: null })])
  await send([at(25 * 3600, { clientId: 9, publicKey: OLD_KEY, already: true })])
  expect((await get('/connections?clientId=9')).data.connections).toMatchObject([
    { state: 'connected', from: iso(27 * 3600), already: false },
  ])
  // The limit is of those that are connected.
  const now = (await get('/connections?now=true&limit=2')).data
  expect(now).toMatchObject({
    connections: [{ from: iso(200) }, { from: iso(27 * 3600), state: 'connected' }],
    more: false,
  })
  await server.request('POST', `${ORG}/subject/erase`, admin, { clientId: 8, confirm: 0 })
  await server.request('POST', `${ORG}/subject/erase`, admin, { clientId: 9, confirm: 0 })
  expect((await get('/connections?limit=1')).data).toMatchObject({ more: true })
  expect((await get('/connections?open=true')).data.connections).toHaveLength(1)
})

test('a file as CSV holds names that are no formulas, and the same as NDJSON', async () => {
  const csv = (await get('/export?format=csv')) as unknown as string
  const lines = csv.trimEnd().split('\r\n')
  expect(lines).toHaveLength(6)
  expect(lines[0]).toMatch(/^time,event,siteId,siteName,meterId,interface,publicKey,/)
  expect(lines[5]).toContain(",1,'=cmd|calc,u1,Ada,")
  expect(lines[2]).toContain(`,${PLUS_KEY},2,"Büro, ""groß""",`)
  const rows = ((await get('/export?format=ndjson&event=connected')) as unknown as string)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const page = (await get('?event=connected')).data.log
  expect(rows).toEqual(page)
})

test('the audit trail has who asked for a person, and exports', async () => {
  await get('?clientId=77')
  await get(`?publicKey=${encodeURIComponent(PLUS_KEY)}&limit=3`)
  await get('/connections?userId=u-asked')
  const { body } = await server.get(`${ORG}/audit?event=personQueried,exportStarted`, admin)
  const facts = body.data.audit.map((entry: { facts: object }) => entry.facts)
  for (const filter of [{ clientId: '77' }, { publicKey: PLUS_KEY }, { userId: 'u-asked' }])
    expect(facts).toContainEqual(expect.objectContaining({ log: 'peers', filter }))
  expect(facts).toContainEqual(expect.objectContaining({ log: 'peers', format: 'csv' }))
})

test('keys of another scope, organisation or site neither read nor write', async () => {
  const other = await server.key({ scope: 'admin', org: 'other', retentionDays: 30 })
  const otherSite = await server.key({ scope: 'ingest', org: 'acme', site: 2 })
  for (const path of ['', '/export', '/connections'])
    for (const key of [other, ingest])
      expect((await server.get(`${ORG}/logs/peers${path}`, key)).status).toBe(403)
  for (const key of [other, otherSite, reader])
    expect((await send([at(1)], { key })).status).toBe(403)
  expect((await server.get('/api/v1/org/other/logs/peers', other)).body.data.log).toEqual([])
})

const BAD: [string, object][] = [
  ['event', { event: 'rebooted' }],
  ['time', { timeUs: 1.5 }],
  ['time ahead', { timeUs: NOW_US + 2 * 86_400e6 }],
  ['time of before the retention', { timeUs: NOW_US - 31 * 86_400e6 }],
  ['interface', { interface: 'wg\0' }],
  ['key', { publicKey: "' OR 1=1 --" }],
  ['client', { clientId: 0 }],
  ['user', { userId: '' }],
  ['endpoint', { endpoint: '<script>' }],
  ['endpoint of before', { endpointBefore: '203.0.113.7:99999' }],
  ['allowed IPs', { allowedIps: '10.8.0.2/33' }],
  [
    'allowed IPs without an end',
    { allowedIps: Array.from({ length: 99 }, () => '10.8.0.2/32').join(' ') },
  ],
  ['flag', { already: 'yes' }],
]
test.each(BAD)('a bad %s costs this event only', async (_, change) => {
  const count = (await get('?limit=1000')).data.log.length
  const sent = await send([{ ...at(1), ...change }, null, at(50 + number)], {
    sessions: [session(number)],
  })
  expect(sent.status).toBe(200)
  expect(sent.body.data).toMatchObject({ stored: 1, refused: [], peerEvents: 1 })
  expect((await get('?limit=1000')).data.log).toHaveLength(count + 1)
})

test('more events than a batch may have are refused with the batch', async () => {
  const sent = await send(Array.from({ length: 1001 }, () => at(1)))
  expect([sent.status, sent.body.message]).toEqual([400, expect.stringContaining('peerEvents')])
})

test('a batch without events has a receipt without them', async () => {
  const sent = await server.request('POST', `${ORG}/site/1/sessions`, ingest, {
    ...batch(++number, []),
    meterId: 'm1',
  })
  expect(sent.body.data).not.toHaveProperty('peerEvents')
})

test('where nothing is stored, no event is', async () => {
  const key = await server.key({ scope: 'admin', org: 'nothing', retentionDays: 0 })
  // One of a clock that is ahead is not too old for it.
  const sent = await send([at(1), at(-3600)], { org: 'nothing', key })
  expect(sent.body.data).toMatchObject({ peerEvents: 0, notice: expect.any(String) })
  expect((await server.get('/api/v1/org/nothing/logs/peers', key)).body.data.log).toEqual([])
})

test('read back from the log, a batch has the events that were stored, and not the others', async () => {
  const events = [at(1), { event: 'rebooted' }, at(2, { timeUs: NOW_US + 9 * 86_400e6 }), at(3)]
  const text = JSON.stringify({
    ...batch(1, []),
    peerEvents: events,
    sessions: [session(1), session(2)],
  })
  const came = { crc: undefined, receivedUs: NOW_US }
  const entry = { orgId: 'acme', siteId: 1, ...came, gzip: true, body: gzipSync(text) }
  const logged = await readLogged({ ...entry, refused: [1, 5_001, 5_002] })
  expect(logged.sessions).toHaveLength(1)
  expect(logged.peerEvents.map(({ timeUs }) => timeUs)).toEqual([at(1).timeUs, at(3).timeUs])
})

test('of a person all of it is given out, and erased, or put under pseudonyms', async () => {
  const given = await server.get(`${ORG}/subject/export?clientId=2`, admin)
  const lines = (given.body as string)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(lines.filter(({ kind }) => kind === 'peerEvent')).toMatchObject([
    { clientId: 2, publicKey: PLUS_KEY, event: 'connected', time: iso(200) },
  ])
  const erase = (body: object) => server.request('POST', `${ORG}/subject/erase`, admin, body)
  const erased = await erase({ clientId: 2, confirm: 0 })
  expect(erased.body.data).toMatchObject({ sessions: 0, peerEvents: 1, name: true })
  expect((await get('?clientId=2')).data.log).toEqual([])
  expect((await get(`?publicKey=${encodeURIComponent(PLUS_KEY)}`)).data.log).toEqual([])
})

test('killed at once after the answer, the server has all of it when it is back', async () => {
  const sent = await send(Array.from({ length: 1000 }, (_, i) => at(10, { clientId: 5000 + i })))
  expect(sent.body.data.peerEvents).toBe(1000)
  await server.kill('SIGKILL')
  await server.spawn()
  const rows = (await get('?limit=1000')).data.log as { clientId: number }[]
  expect(rows.filter(({ clientId }) => clientId >= 5000).length).toBe(1000)
})
