/** Sessions of browsers, proxies in front, and what the log keeps of who came. */
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { networkOf } from '../../../src/server/http/security-log.js'
import { TestServer } from '../../support/server.js'

const SETTINGS = '/api/v1/org/acme/settings'

let server: TestServer
let admin: string
let read: string

beforeAll(async () => {
  server = await TestServer.start('--trust-proxy', '127.0.0.1')
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  read = await server.key({ scope: 'read', org: 'acme', name: 'desk' })
})
afterAll(() => server.stop())

const ask = (method: string, path: string, headers: Record<string, string>, body?: unknown) =>
  fetch(`${server.url}${path}`, {
    method,
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })

async function signIn(key: string, headers: Record<string, string> = {}) {
  const response = await ask('POST', '/api/v1/login', headers, { key })
  const set = response.headers.get('set-cookie') ?? ''
  return { response, set, cookie: set.split(';')[0]! }
}

const events = () =>
  server.log.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line))

test('the cookie is a token, which ends with the sign-out: a copy of it is worth nothing', async () => {
  const { set, cookie } = await signIn(admin)
  expect(set).not.toContain(admin)
  expect(cookie).toMatch(/^tunmeter=[\w-]{43}$/)
  expect(set).toMatch(/; Path=\/; HttpOnly; SameSite=Strict$/)
  expect((await ask('GET', SETTINGS, { cookie })).status).toBe(200)
  const foreign = { cookie, 'sec-fetch-site': 'cross-site' }
  expect((await ask('POST', '/api/v1/logout', foreign)).status).toBe(403)
  expect((await ask('GET', SETTINGS, { cookie })).status).toBe(200)
  const out = await ask('POST', '/api/v1/logout', { cookie })
  expect(out.headers.get('set-cookie')).toMatch(/^tunmeter=;/)
  const after = await ask('GET', SETTINGS, { cookie })
  expect([after.status, (await after.json()).code]).toEqual([401, 'sessionEnded'])
})

test('a key is no cookie', async () => {
  for (const name of ['tunmeter', 'tunmeter_key', '__Host-tunmeter'])
    expect((await ask('GET', SETTINGS, { cookie: `${name}=${admin}` })).status).toBe(401)
})

test('a session ends when its key is revoked', async () => {
  const made = await server.request('POST', '/api/v1/org/acme/keys', admin, {
    scope: 'read',
    name: 'short',
  })
  const { cookie } = await signIn(made.body.data.key)
  expect((await ask('GET', SETTINGS, { cookie })).status).toBe(200)
  await server.request('DELETE', `/api/v1/org/acme/keys/${made.body.data.keyId}`, admin)
  expect((await ask('GET', SETTINGS, { cookie })).status).toBe(401)
})

test('a key has at most 50 sessions: the least used ends', async () => {
  const first = await signIn(read)
  const second = await signIn(read)
  for (let n = 0; n < 48; n++) await signIn(read)
  expect((await ask('GET', SETTINGS, { cookie: first.cookie })).status).toBe(200)
  await signIn(read)
  expect((await ask('GET', SETTINGS, { cookie: first.cookie })).status).toBe(200)
  expect((await ask('GET', SETTINGS, { cookie: second.cookie })).status).toBe(401)
})

test('behind a TLS proxy the cookie is Secure, HSTS is sent, and our own page is the proxy’s', async () => {
  const proxy = {
    'x-forwarded-for': '203.0.113.9',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'logs.example.org',
  }
  const { response, set, cookie } = await signIn(admin, proxy)
  expect(set).toMatch(/^__Host-tunmeter=[\w-]{43}; .*; Secure/)
  expect(response.headers.get('strict-transport-security')).toMatch(/^max-age=/)
  const put = (origin: string) =>
    ask('PUT', SETTINGS, { ...proxy, cookie, origin }, { retentionDays: 30 })
  expect((await put('https://logs.example.org')).status).toBe(200)
  expect((await put('https://evil.example')).status).toBe(403)
  // The proxy's own sign-in beside it.
  const basic = { ...proxy, cookie, authorization: 'Basic dTpw' }
  expect((await ask('GET', SETTINGS, basic)).status).toBe(200)
})

test.each([
  { 'x-forwarded-for': '203.0.113.9' },
  { 'x-forwarded-for': '127.0.0.1' },
  { forwarded: 'for=127.0.0.1' },
  { 'x-real-ip': '127.0.0.1' },
  { 'x-forwarded-proto': 'https' },
  { 'cf-connecting-ip': '127.0.0.1' },
])('/metrics through a proxy needs a key: %o', async (headers) => {
  expect((await ask('GET', '/metrics', headers as Record<string, string>)).status).toBe(401)
  const authorized = { ...headers, authorization: `Bearer ${read}` } as Record<string, string>
  expect((await ask('GET', '/metrics', authorized)).status).toBe(200)
})

test.each([
  ['that asks with HTTP/1.0, as nginx does', '1.0', null],
  ['that keeps the name that the client asked for', '1.1', 'logs.example.org'],
  ['that keeps a name that begins as a loopback address', '1.1', '127.0.0.1.example.org'],
])('/metrics through a proxy %s needs a key', async (_, version, name) => {
  const { hostname, port, host } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  const headers = `Host: ${name ?? host}\r\nConnection: close`
  socket.end(`GET /metrics HTTP/${version}\r\n${headers}\r\n\r\n`)
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 401 /)
})

test('wrong keys of one address are refused for a minute, a right one of it and others’ are not', async () => {
  const from = { 'x-forwarded-for': '198.51.100.1' }
  const wrong = { ...from, authorization: 'Bearer tm_read_x' }
  const statuses = []
  for (let n = 0; n < 22; n++) statuses.push((await ask('GET', SETTINGS, wrong)).status)
  expect(statuses.lastIndexOf(401)).toBe(19)
  expect(statuses.at(-1)).toBe(429)
  expect((await ask('GET', SETTINGS, { ...from, authorization: `Bearer ${read}` })).status).toBe(
    200,
  )
  const neighbour = { ...wrong, 'x-forwarded-for': '198.51.100.2' }
  expect((await ask('GET', SETTINGS, neighbour)).status).toBe(401)
  const refused = events().filter((e) => e.address === '198.51.100.1')
  expect(refused.filter((e) => e.event === 'keyRefused')).toHaveLength(20)
  expect(refused.filter((e) => e.event === 'tooManyFailures')).toHaveLength(1)
})

test('the log says who came, what was refused and what was changed, and never a key', async () => {
  const address = '192.0.2.7'
  const from = { 'x-forwarded-for': address }
  const by = (key: string) => ({ ...from, authorization: `Bearer ${key}` })
  await signIn('tm_read_wrong', from)
  const { cookie } = await signIn(read, from)
  await ask('GET', SETTINGS, { ...from, cookie })
  await ask('PUT', SETTINGS, by(read), { retentionDays: 1 })
  await ask('PUT', SETTINGS, by(admin), { retentionDays: 30 })
  await ask('PUT', '/api/v1/org/acme/catalog', by(admin), { sites: [{ siteId: 1, name: 'x' }] })
  const made = await ask('POST', '/api/v1/org/acme/keys', by(admin), { scope: 'read', name: 'n' })
  const { data } = await made.json()
  await ask('DELETE', `/api/v1/org/acme/keys/${data.keyId}`, by(admin))
  await (await ask('GET', '/api/v1/org/acme/logs/connection/export', by(read))).text()
  await ask('POST', '/api/v1/logout', { ...from, cookie })
  const mine = events().filter((e) => e.address === address)
  expect(mine.map((e) => e.event)).toEqual([
    'signInRefused',
    'signedIn',
    'keyUsedFromNewAddress',
    'scopeExceeded',
    'keyUsedFromNewAddress',
    'settingsChanged',
    'catalogReplaced',
    'keyCreated',
    'keyRevoked',
    'exportStarted',
    'signedOut',
  ])
  expect(mine.find((e) => e.event === 'scopeExceeded')).toMatchObject({
    level: 40,
    scope: 'read',
    route: `PUT ${SETTINGS.replace('acme', ':orgId')}`,
  })
  for (const key of [admin, read, data.key])
    expect(server.log.join('\n')).not.toContain(key.slice(-20))
})

test.each([
  ['203.0.113.9', '203.0.113.9'],
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8::6', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
])('the network of %s is %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})
