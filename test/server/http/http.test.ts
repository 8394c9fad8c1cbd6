/** Keys, limits, settings, notices and access logs over HTTP, with a real process. */
import { execFileSync } from 'node:child_process'
import { deflateSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { batch, session } from '../../support/batches.js'
import { TestServer } from '../../support/server.js'

let server: TestServer
let root: string
let admin: string
let read: string
let ingest: string

const ORG = '/api/v1/org/acme'
const LOG = `${ORG}/logs/connection`
const SESSIONS = `${ORG}/site/1/sessions`
const ACCESS_LOG = `${ORG}/site/1/access-log`

beforeAll(async () => {
  server = await TestServer.start()
  root = await server.key({ scope: 'root' })
  admin = await server.key({ scope: 'admin', org: 'acme' })
  read = await server.key({ scope: 'read', org: 'acme' })
  ingest = await server.key({ scope: 'ingest', org: 'acme', site: 1 })
})
afterAll(() => server.stop())

const setRetention = (retentionDays: number) =>
  server.request('PUT', `${ORG}/settings`, admin, { retentionDays })
const noticeCode = async (query = '') =>
  (await server.get(`${LOG}?${query}`, read)).body.data.notice?.code

test('retention is 0 at first: nothing is stored, the receipt and the empty log say so', async () => {
  expect((await server.get(`${ORG}/settings`, read)).body.data).toMatchObject({ retentionDays: 0 })
  expect(await noticeCode()).toBe('retentionOff')
  const receipt = await server.request('POST', SESSIONS, ingest, batch(1, [session(1)]))
  expect(receipt.body.data).toMatchObject({
    stored: 0,
    notice: expect.stringContaining('retention'),
  })
  expect(await noticeCode()).toBe('retentionOff')
})

test('an empty log says why', async () => {
  expect((await setRetention(30)).body.data).toMatchObject({ retentionDays: 30 })
  // The meter saw sessions while nothing was stored.
  expect(await noticeCode()).toBe('nothingKept')
  await server.request('POST', SESSIONS, ingest, batch(2, [session(2), session(3)]))
  // What came while nothing was stored is missing.
  expect(await noticeCode()).toBe('incomplete')
  const { data } = (await server.get(`${LOG}?completeness=false`, read)).body
  expect([data.notice, data.completeness, data.gaps]).toEqual([null, null, []])
  expect(await noticeCode('destAddr=1.2.3.4')).toBe('filtered')
  expect(await noticeCode('timeEnd=2020-01-01T00:00:00Z')).toBe('outsideRange')
})

test('a poll leaves out the rows that the client has', async () => {
  const first = (await server.get(`${LOG}?known=none`, read)).body.data
  expect(first.log).toHaveLength(2)
  const { log, delta } = (await server.get(`${LOG}?known=${first.delta.tags}`, read)).body.data
  expect([log, delta]).toEqual([[], { runs: [[0, 2]], tags: '' }])
  expect((await server.get(LOG, read)).body.data).not.toHaveProperty('delta')
  const bad = await server.get(`${LOG}?known=abc`, read)
  expect([bad.status, bad.body.message]).toEqual([
    400,
    'known: expected tags of earlier answers, or none, got "abc"',
  ])
})

test('sessions that retention would delete at once are refused with the reason', async () => {
  const old = session(9, {
    startTimeUs: Date.now() * 1e3 - 31 * 86400e6,
    endTimeUs: Date.now() * 1e3 - 31 * 86400e6,
  })
  const { body } = await server.request('POST', SESSIONS, ingest, batch(3, [old]))
  expect(body.data.refused[0].reason).toMatch(/^olderThanRetention/)
})

test('the answer to 5,000 refused sessions is one that a meter takes', async () => {
  await setRetention(30)
  const userId = '"日'.repeat(150)
  const refusedAll = Array.from({ length: 5_000 }, (_, i) => session(i, { userId }))
  const answer = await server.request('POST', SESSIONS, ingest, batch(4, refusedAll))
  expect(answer.body.data.refused).toHaveLength(5_000)
  expect(Buffer.byteLength(JSON.stringify(answer.body))).toBeLessThan(2 ** 20)
})

describe('keys', () => {
  test('who am I', async () => {
    const { body } = await server.get('/api/v1/key', ingest)
    expect(body).toMatchObject({ success: true, error: false, status: 200 })
    expect(body.data).toMatchObject({ scope: 'ingest', orgId: 'acme', siteId: 1 })
    expect(Math.abs(Date.parse(body.data.serverTime) - Date.now())).toBeLessThan(60_000)
  })

  test('a created key works until it is revoked; lists never show it', async () => {
    const made = await server.request('POST', `${ORG}/keys`, admin, {
      scope: 'read',
      name: 'auditor',
    })
    expect(made.status).toBe(201)
    const { key, keyId } = made.body.data
    expect((await server.get(LOG, key)).status).toBe(200)
    const listed = await server.get(`${ORG}/keys`, admin)
    expect(JSON.stringify(listed.body)).not.toContain(key)
    expect(JSON.stringify(listed.body)).not.toContain('hash')
    const own = listed.body.data.keys.find((k: { keyId: string }) => k.keyId === keyId)
    expect(own.lastUsedAt).not.toBeNull()
    expect(own).toMatchObject({
      shown: `${key.slice(0, 12)}…${key.slice(-4)}`,
      lastUsedFrom: '127.0.0.1',
    })
    await server.request('DELETE', `${ORG}/keys/${keyId}`, admin)
    expect((await server.get(LOG, key)).body).toMatchObject({ status: 401, code: 'keyRevoked' })
  })

  test('an expired key is told so; a key must be created with an end in the future', async () => {
    const key = execFileSync(
      process.execPath,
      ['dist/cli.js', 'keys', 'create', '--data', server.data, '--org', 'acme', '--expires', '1ms'],
      { encoding: 'utf8' },
    ).trim()
    expect((await server.get(LOG, key)).body.code).toBe('keyExpired')
    const late = await server.request('POST', `${ORG}/keys`, admin, {
      scope: 'read',
      name: 'x',
      expiresAt: '2020-01-01T00:00:00Z',
    })
    expect(late.status).toBe(400)
  })

  test('the dashboard’s cookie: HttpOnly, SameSite, and only for requests of our own page', async () => {
    const login = await fetch(`${server.url}/api/v1/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ key: admin }),
    })
    const cookie = login.headers.get('set-cookie')!
    expect(cookie).toMatch(/HttpOnly/)
    expect(cookie).toMatch(/SameSite=Strict/)
    const headers = { cookie: cookie.split(';')[0]!, 'content-type': 'application/json' }
    expect((await fetch(`${server.url}${LOG}`, { headers })).status).toBe(200)
    const put = (origin: string) =>
      fetch(`${server.url}${ORG}/settings`, {
        method: 'PUT',
        headers: { ...headers, origin },
        body: '{"retentionDays":30}',
      })
    expect((await put('https://evil.example')).status).toBe(403)
    expect((await put(server.url)).status).toBe(200)
    expect((await server.request('POST', '/api/v1/login', undefined, { key: ingest })).status).toBe(
      403,
    )
  })

  test('keys never reach the log', () => {
    for (const key of [root, admin, read, ingest])
      expect(server.log.join('\n')).not.toContain(key.slice(-20))
  })
})

test('the catalog has a version: asked again it is not sent, changed meanwhile it is not overwritten', async () => {
  const path = `${server.url}${ORG}/catalog`
  const headers = { authorization: `Bearer ${admin}`, 'content-type': 'application/json' }
  const put = (name: string, more: Record<string, string> = {}) => {
    const body = JSON.stringify({ sites: [{ siteId: 1, name }] })
    return fetch(path, { method: 'PUT', headers: { ...headers, ...more }, body })
  }
  await put('Berlin')
  const etag = (await fetch(path, { headers })).headers.get('etag')!
  expect((await fetch(path, { headers: { ...headers, 'if-none-match': etag } })).status).toBe(304)
  expect((await put('Bonn', { 'if-match': etag })).status).toBe(200)
  const stale = await put('Bremen', { 'if-match': etag })
  expect([stale.status, (await stale.json()).code]).toEqual([412, 'catalogChanged'])
  const now = await fetch(path, { headers: { ...headers, 'if-none-match': etag } })
  expect((await now.json()).data.sites).toEqual([{ siteId: 1, name: 'Bonn' }])
  // A proxy that packs makes a tag weak; a list may hold tags of others, with commas in them.
  const current = now.headers.get('etag')!
  for (const known of [`W/${current}`, `"x,y" , W/"z", ${current}`, '*'])
    expect((await fetch(path, { headers: { ...headers, 'if-none-match': known } })).status).toBe(
      304,
    )
  expect((await put('Bremen', { 'if-match': `W/${current}` })).status).toBe(412)
  expect((await put('Bremen', { 'if-match': 'no tag' })).status).toBe(400)
  expect((await put('Bremen', { 'if-match': `"x,y", ${current}` })).status).toBe(200)
  expect((await put('Hamburg', { 'if-match': '*' })).status).toBe(200)
})

test('a replacement of the catalog can be tried, and empties it only when that is meant', async () => {
  const path = `${ORG}/catalog`
  const put = (query: string, body: unknown) => server.request('PUT', path + query, admin, body)
  await put('', { sites: [{ siteId: 1, name: 'Berlin' }], users: [{ userId: 'u', name: 'Ulla' }] })
  const tried = await put('?dryRun=true', { sites: [{ siteId: 1, name: 'Bonn' }] })
  expect(tried.body.data.changes).toMatchObject({
    sites: { added: [], changed: [{ id: 1, name: 'Bonn', was: 'Berlin', fields: ['name'] }] },
    users: { removed: [{ id: 'u', name: 'Ulla' }] },
  })
  for (const query of ['', '?dryRun=true']) {
    const { status, body } = await put(query, {})
    expect([status, body.code]).toEqual([400, 'catalogEmpty'])
    expect(body.message).toMatch(
      /0 clients, 1 users, 1 sites, 0 resources, 0 prefixes; to empty it, send allowEmpty=true/,
    )
  }
  const kept = await server.get(path, read)
  expect([kept.body.data.sites[0].name, kept.headers.get('etag')]).toEqual([
    'Berlin',
    `"${tried.body.data.etag}"`,
  ])
  expect((await put('?allowEmpty=true', {})).status).toBe(200)
  // Nothing is lost: nothing was there.
  expect((await put('', {})).status).toBe(200)
})

test.each([
  ['PATCH', `${ORG}/settings`, 'GET, HEAD, PUT'],
  ['POST', `${LOG}?limit=1`, 'GET, HEAD'],
  ['DELETE', `${ORG}/keys`, 'GET, HEAD, POST'],
  ['OPTIONS', '/healthz', 'GET, HEAD'],
  ['GET', SESSIONS, 'POST'],
  ['PUT', '/openapi.json', 'GET, HEAD'],
])('%s %s is answered with the methods that the path has', async (method, path, allow) => {
  const { status, headers, body } = await server.request(method, path)
  expect([status, headers.get('allow'), body.code]).toEqual([405, allow, 'methodNotAllowed'])
})

test('a path that nothing has is not found, whatever the method', async () => {
  for (const method of ['GET', 'POST', 'DELETE']) {
    const { status, headers } = await server.request(method, `${ORG}/nothing`)
    expect([status, headers.get('allow')]).toEqual([404, null])
  }
})

describe('bad requests', () => {
  test.each([
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['offset=-1', 'offset'],
    ['timeStart=yesterday', 'timeStart'],
    ['timeStart=2026-01-02T00:00:00Z&timeEnd=2026-01-01T00:00:00Z', 'timeEnd'],
    ['protocol=icmp', 'protocol'],
    ['sourceAddr=10.8.0.0/33', 'sourceAddr'],
    ['clientId=x', 'clientId'],
    ['cursor=abc', 'cursor'],
    ['sort=name', 'sort'],
    ['colour=red', 'colour'],
    ["q=%27%3B+DROP+TABLE+session%3B--&state='", 'state'],
  ])('%s is a 400 that names the parameter', async (query, name) => {
    const { status, body } = await server.get(`${LOG}?${query}`, read)
    expect(status).toBe(400)
    expect(body.message).toContain(name)
    expect(body).toMatchObject({ data: null, success: false, error: true, status: 400 })
  })

  test.each([
    ['not JSON', '{"meterId":', 400],
    ['not a batch', '{}', 400],
    ['a negative batch number', JSON.stringify({ ...batch(1, []), batch: -1 }), 400],
  ])('a body that is %s', async (_name, body, status) => {
    expect((await server.request('POST', SESSIONS, ingest, body)).status).toBe(status)
  })

  test('a gzip bomb and a large body are refused by size', async () => {
    const post = (body: Buffer, path: string, key: string) =>
      fetch(`${server.url}${path}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          'content-encoding': 'gzip',
        },
        body: new Uint8Array(body),
      })
    expect((await post(gzipSync(Buffer.alloc(80 * 2 ** 20, 32)), SESSIONS, ingest)).status).toBe(
      413,
    )
    expect((await post(Buffer.from('nonsense'), SESSIONS, ingest)).status).toBe(400)
    expect(
      (await server.request('PUT', `${ORG}/settings`, admin, ' '.repeat(2 ** 20 + 1))).status,
    ).toBe(413)
  })

  test('an unknown path has the envelope too', async () => {
    expect((await server.get('/api/v1/nothing', read)).body).toMatchObject({
      data: null,
      status: 404,
      code: 'notFound',
    })
  })

  test('security headers are on every answer', async () => {
    for (const path of ['/', '/docs', LOG, '/nothing']) {
      const { headers } = await server.get(path, read)
      expect(headers.get('content-security-policy')).toContain("default-src 'self'")
      expect(headers.get('content-security-policy')).not.toContain('unsafe')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
    }
  })
})

describe('access logs of Newt', () => {
  const compressed = (sessions: unknown) => deflateSync(JSON.stringify(sessions)).toString('base64')
  const nowMs = Date.now()
  const one = {
    sessionId: '00ff00ff00ff00ff',
    resourceId: 7,
    sourceAddr: '100.90.128.3',
    destAddr: '10.0.0.9:5432',
    protocol: 'tcp',
    startedAt: new Date(nowMs - 60_000).toISOString().replace('Z', '123456+00:00'),
    endedAt: new Date(nowMs - 30_000).toISOString(),
    bytesTx: 0,
    bytesRx: 0,
    connectionCount: 4,
  }

  test('is stored once, with unknown counts as null', async () => {
    for (let i = 0; i < 2; i++) {
      const { body } = await server.request('POST', ACCESS_LOG, ingest, {
        compressed: compressed([one, { ...one, protocol: 'icmp' }]),
      })
      expect(body.data.stored).toBe(1)
      expect(body.data.refused[0]).toMatchObject({
        index: 1,
        reason: expect.stringContaining('protocol'),
      })
    }
    const { body } = await server.get(`${LOG}?destAddr=10.0.0.9:5432`, read)
    expect(body.data.log).toHaveLength(1)
    expect(body.data.log[0]).toMatchObject({
      sourceAddr: '100.90.128.3',
      siteResourceId: 7,
      bytesTx: null,
      packetsRx: null,
      connectionCount: 4,
      duration: 30,
    })
  })

  test('a bomb is refused by size, nonsense by its form', async () => {
    const bomb = deflateSync(Buffer.alloc(20 * 2 ** 20, 32)).toString('base64')
    expect((await server.request('POST', ACCESS_LOG, ingest, { compressed: bomb })).status).toBe(
      413,
    )
    expect((await server.request('POST', ACCESS_LOG, ingest, { compressed: '!!' })).status).toBe(
      400,
    )
    expect(
      (await server.request('POST', ACCESS_LOG, ingest, { compressed: compressed({}) })).status,
    ).toBe(400)
  })
})

test('failures are limited by address, and only failures', async () => {
  let status = 0
  for (let i = 0; i < 25; i++) status = (await server.get(LOG, 'tm_read_wrong')).status
  expect(status).toBe(429)
  expect((await server.get(LOG, read)).status).toBe(200)
})
