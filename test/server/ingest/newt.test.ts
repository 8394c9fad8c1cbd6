/** Newt's access log: a session that had not ended when it was sent takes its end later. */
import { deflateSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CatalogClients } from '../../../src/server/ingest/catalog-clients.js'
import { readNewt } from '../../../src/server/ingest/newt.js'
import { ALWAYS, TestStore } from '../../support/store.js'

const SITE = { orgId: 'acme', siteId: 1 }
const NOW_US = Date.UTC(2026, 10, 22, 12) * 1e3
const NEWT = {
  sessionId: 'x',
  resourceId: 7,
  sourceAddr: '10.8.0.2:40000',
  destAddr: '192.168.10.5:443',
  protocol: 'tcp',
  startedAt: '2026-11-22T11:00:00Z',
}

const CLIENTS = new CatalogClients({
  clients: [
    { clientId: 1, name: 'office', addresses: ['10.8.0.0/24', 'fd00::/64'] },
    { clientId: 2, name: 'ada', userId: 'u2', addresses: ['10.8.0.7', 'fd00::7/128'] },
    { clientId: 3, name: 'ada, again', addresses: ['10.8.0.7/32'] },
  ],
})

let t: TestStore
beforeEach(async () => {
  t = await TestStore.open()
})
afterEach(() => t.close())

function read(sessions: readonly object[]) {
  const compressed = deflateSync(JSON.stringify(sessions)).toString('base64')
  return readNewt(compressed, SITE, CLIENTS, { nowUs: NOW_US, oldestUs: 0 })
}

async function send(...sessions: readonly object[]) {
  await t.store.writeLoose(
    'acme',
    1,
    (await read(sessions.map((s) => ({ ...NEWT, ...s })))).sessions,
  )
  const sort = { key: 'startTime', descending: false } as const
  const page = await t.store.page('acme', { filter: ALWAYS, sort, limit: 10, offset: 0 })
  return page.rows.map((r) => [r.endTimeUs - r.startTimeUs, r.bytesTx, r.bytesRx])
}
const END = { endedAt: '2026-11-22T11:00:09Z', bytesTx: 500, bytesRx: 700 }

test('a session that had not ended takes its end when it comes, once', async () => {
  expect(await send({})).toEqual([[0, null, null]])
  expect(await send(END)).toEqual([[9e6, 500, 700]])
  expect(await send({})).toEqual([[9e6, 500, 700]])
  expect(await send(END)).toEqual([[9e6, 500, 700]])
  expect(t.store.stats()).toMatchObject({ revisedSessions: 1, conflictingSessions: 0 })
})

test.each([[[{}, END]], [[END, {}]]])('both in one log: %j', async (sessions) => {
  expect(await send(...sessions)).toEqual([[9e6, 500, 700]])
})

test.each([
  ['10.8.0.9:40000', 1, null, null],
  ['10.8.0.7:40000', 2, 'u2', null],
  ['10.8.0.7', 2, 'u2', null],
  ['[fd00::9]:40000', 1, null, null],
  ['[fd00:0::7]:40000', 2, 'u2', null],
  ['10.8.1.7:40000', null, null, 'noPeers'],
  ['[fd01::7]:40000', null, null, 'noPeers'],
])('a session from %s belongs to the client %j, user %j', async (sourceAddr, ...owner) => {
  const { sessions } = await read([{ ...NEWT, sourceAddr }])
  expect(sessions.map((s) => [s.clientId, s.userId, s.unattributed])).toEqual([owner])
})
