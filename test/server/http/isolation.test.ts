/** What one organisation can do to another, or learn of it: nothing. Over every route of the description. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { batch, session } from '../../support/batches.js'
import { aPeerEvent } from '../../support/peer-events.js'
import { TestServer } from '../../support/server.js'

let server: TestServer
let root: string
let admin: string
let read: string
let ingest: string
/** Of the other organisation, one for each scope. */
let foreign: Record<'admin' | 'read' | 'ingest', string>
let routes: readonly (readonly [method: string, path: string])[]
let keyId: string

const ORG = '/api/v1/org/acme'
const LOG = `${ORG}/logs/connection`
const SESSIONS = `${ORG}/site/1/sessions`
/** What only acme has, as it would show in any answer. */
const MARKS = ['Anna of acme', '192.168.77.7', 'u-acme', 'meter-acme', 'auditor of acme']
const seen = session(1, { destIp: '192.168.77.7', userId: 'u-acme' })

beforeAll(async () => {
  server = await TestServer.start()
  root = await server.key({ scope: 'root' })
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  read = await server.key({ scope: 'read', org: 'acme', name: 'auditor of acme' })
  ingest = await server.key({ scope: 'ingest', org: 'acme', site: 1 })
  foreign = {
    admin: await server.key({ scope: 'admin', org: 'other', retentionDays: -1 }),
    read: await server.key({ scope: 'read', org: 'other' }),
    ingest: await server.key({ scope: 'ingest', org: 'other', site: 1 }),
  }
  await server.request('PUT', `${ORG}/catalog`, admin, {
    clients: [{ clientId: 1, name: 'Anna of acme' }],
  })
  const peerEvents = [aPeerEvent({ timeUs: Date.now() * 1e3, userId: 'u-acme' })]
  const sent = batch(1, [seen], { meterId: 'meter-acme', peerEvents })
  expect((await server.request('POST', SESSIONS, ingest, sent)).body.data.stored).toBe(1)
  keyId = (await server.get('/api/v1/key', read)).body.data.keyId
  const { paths } = (await server.get('/openapi.json')).body
  routes = Object.entries<object>(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => [method.toUpperCase(), path] as const),
  )
})
afterAll(() => server.stop())

/** Bodies that the routes would take. */
const BODIES: Record<string, unknown> = {
  'PUT /api/v1/org/{orgId}/settings': { retentionDays: 1 },
  'PUT /api/v1/org/{orgId}/catalog': {},
  'POST /api/v1/org/{orgId}/keys': { scope: 'read', name: 'x' },
  'POST /api/v1/org/{orgId}/site/{siteId}/sessions': batch(50, [session(7)]),
  'POST /api/v1/org/{orgId}/site/{siteId}/access-log': { compressed: 'eJyLjgUAARUAuQ==' },
}
const at = (path: string, org: string) =>
  path.replace('{orgId}', org).replace('{siteId}', '1').replace('{keyId}', keyId)

async function stateOfAcme(): Promise<unknown> {
  const parts = ['settings', 'catalog', 'keys', 'logs/connection', 'usage', 'sites']
  const answers = await Promise.all(parts.map((part) => server.get(`${ORG}/${part}`, root)))
  // Clocks go on; the rest must not.
  const moving =
    /"(serverTime|lastUsedAt|lagSeconds|receivedAt)":("[^"]*"|[\d.]+|null)|"completeness":\{[^}]*\}/g
  return answers.map(({ status, body }) => [status, JSON.stringify(body).replace(moving, '')])
}

test('every route refuses the keys of another organisation, and no key, and nothing changes', async () => {
  const before = await stateOfAcme()
  const scoped = routes.filter(([, path]) => path.includes('{orgId}'))
  expect(scoped.length).toBeGreaterThanOrEqual(13)
  for (const [method, path] of scoped) {
    const body = BODIES[`${method} ${path}`]
    for (const key of Object.values(foreign)) {
      const told = await server.request(method, at(path, 'acme'), key, body)
      expect([method, path, told.status, told.body.code]).toEqual([method, path, 403, 'forbidden'])
      // The same for one that does not exist: nothing can be inferred.
      const absent = await server.request(method, at(path, 'nobody'), key, body)
      expect([absent.status, absent.body.message]).toEqual([
        403,
        told.body.message.replace('acme', 'nobody'),
      ])
    }
    const none = await server.request(method, at(path, 'acme'), undefined, body)
    expect([method, path, none.status, none.body.code]).toEqual([method, path, 401, 'noKey'])
  }
  expect(await stateOfAcme()).toEqual(before)
})

test('no answer to another organisation holds anything of this one', async () => {
  const ofTheOperator = ['/api/v1/audit', '/api/v1/audit/export']
  for (const path of ofTheOperator)
    expect([path, (await server.get(path, foreign.admin)).status]).toEqual([path, 403])
  // What is of one destination is 404 to others: test/server/http/destinations.test.ts.
  const isAsked = (path: string) =>
    !ofTheOperator.includes(path) && !path.includes('{destinationId}')
  const asked = routes.filter(([method, path]) => method === 'GET' && isAsked(path))
  const all = asked.map(([, path]) =>
    path.endsWith('/subject/export') ? `${at(path, 'other')}?userId=u-acme` : at(path, 'other'),
  )
  // By its ids, too.
  const log = '/api/v1/org/other/logs/connection'
  all.push(
    `${log}?sessionId=${seen.sessionId}`,
    `${log}?userId=u-acme&timeStart=2000-01-01`,
    `${log}?q=acme`,
    `${log}?destAddr=192.168.77.7`,
    `${log}/summary?groupBy=destination&timeStart=2000-01-01`,
    `${log}/summary?groupBy=client&across=destination&timeStart=2000-01-01`,
    `${log}/changes?timeStart=2000-01-01`,
    `${log}/new-pairs?timeStart=2000-01-01`,
    `${log}/export?format=ndjson&timeStart=2000-01-01`,
    '/',
    '/docs',
  )
  for (const path of all) {
    const { status, body } = await server.get(path, foreign.admin)
    expect([path, status]).toEqual([path, 200])
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    for (const mark of MARKS) expect([path, mark, text.includes(mark)]).toEqual([path, mark, false])
  }
  // They are marks: their owner is shown each of them.
  const own = await Promise.all(
    ['logs/connection', 'sites', 'keys'].map((p) => server.get(`${ORG}/${p}`, admin)),
  )
  for (const mark of MARKS) expect(JSON.stringify(own.map((a) => a.body))).toContain(mark)
})

test('the same session id in another organisation is another session', async () => {
  const path = '/api/v1/org/other/site/1/sessions'
  const { body } = await server.request('POST', path, foreign.ingest, batch(1, [session(1)]))
  expect(body.data).toMatchObject({ stored: 1, repeated: false })
  const mine = (await server.get(`${LOG}?sessionId=${seen.sessionId}`, read)).body.data.log
  expect(mine).toMatchObject([{ destAddr: '192.168.77.7:443' }])
})

test('scopes: what each may not do', async () => {
  const cases: [string, string, string, unknown][] = [
    [read, 'PUT', `${ORG}/settings`, { retentionDays: 1 }],
    [read, 'GET', `${ORG}/keys`, undefined],
    [read, 'POST', SESSIONS, batch(51, [])],
    [ingest, 'GET', LOG, undefined],
    [ingest, 'POST', `${ORG}/site/2/sessions`, batch(51, [])],
    [ingest, 'GET', `${ORG}/settings`, undefined],
    [admin, 'POST', '/api/v1/orgs', { orgId: 'new' }],
    [admin, 'POST', '/api/v1/backup', undefined],
  ]
  for (const [key, method, path, body] of cases) {
    const { status } = await server.request(method, path, key, body)
    expect([method, path, status]).toEqual([method, path, 403])
  }
  expect((await server.get(`${ORG}/catalog`, ingest)).status).toBe(200)
  expect(
    (await server.get('/api/v1/orgs', admin)).body.data.orgs.map((o: { orgId: string }) => o.orgId),
  ).toEqual(['acme'])
  expect((await server.get('/api/v1/orgs', root)).body.data.orgs).toHaveLength(2)
})

test('a key of another organisation cannot be revoked by its id', async () => {
  expect(
    (await server.request('DELETE', `/api/v1/org/other/keys/${keyId}`, foreign.admin)).status,
  ).toBe(404)
  expect((await server.get(LOG, read)).status).toBe(200)
})
