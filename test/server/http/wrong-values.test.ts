/** Wrong values: each answer names the parameter, what it takes and what it got, and no word of a library. */
import { type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import { deflateSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { batch } from '../../support/batches.js'
import { TestServer } from '../../support/server.js'

let server: TestServer
let admin: string
let root: string

beforeAll(async () => {
  server = await TestServer.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  root = await server.key({ scope: 'root' })
})
afterAll(() => server.stop())

const ORG = '/api/v1/org/acme'
const LOG = `${ORG}/logs/connection`
/** How zod and fastify speak. */
const FOREIGN = /Invalid|Too (small|big)|Unrecognized|FST_|undefined|\[object/

test.each([
  ['logs/connection', 'limit=0', 'limit: expected a whole number from 1 to 1000, got "0"'],
  ['logs/connection', 'limit=1&limit=2', 'limit: expected one value, got 2'],
  ['logs/connection', 'siteId=none', 'siteId: expected a site id, got "none"'],
  ['logs/connection', 'protocol=icmp', 'protocol: expected tcp or udp, got "icmp"'],
  ['logs/connection', 'state=x', 'state: expected open, ended or interrupted, got "x"'],
  ['logs/connection', `q=${'a'.repeat(501)}`, 'q: expected at most 500 characters, got 501'],
  [
    'logs/connection',
    'q=port:abc%20x',
    'q: port: expected a port or a service as in ssh, got "abc"',
  ],
  [
    'logs/connection',
    'q=a%00b',
    'q: expected a text of whole characters, without NUL, got "a\\u0000b"',
  ],
  ['logs/connection/summary', 'userId=a%00b', 'userId: expected a user id, got "a\\u0000b"'],
  ['logs/connection', 'limt=5', 'limt: is not known here; did you mean "limit"?'],
  [
    'logs/connection',
    `clientId=${Array(101).fill(1)}`,
    'clientId: expected at most 100 values, got 101',
  ],
  ['logs/connection', 'sort=name', /^sort: expected one of -startTime, startTime, .*, got "name"$/],
  [
    'logs/connection',
    'cursor=abc&sort=bytes',
    'cursor: expected nextCursor of a page with sort=bytes, got "abc"',
  ],
  [
    'logs/connection',
    'timeStart=2026-01-02T00:00:00Z&timeEnd=2026-01-01',
    'timeEnd: expected a time after timeStart (2026-01-02T00:00:00.000Z), got 2026-01-01T00:00:00.000Z',
  ],
  ['logs/connection', 'timeStart=2026-02-30', /^timeStart: expected an ISO 8601 time with a zone/],
  ['logs/connection', 'timeEnd=2026-11-22T08:00:00', /^timeEnd: expected .* with a zone/],
  ['logs/connection', 'timeEnd=0001-01-01T00:00:00Z', /^timeEnd: expected a time after timeStart/],
  ['logs/connection/export', 'format=xml', 'format: expected csv, ndjson, parquet, got "xml"'],
  ['logs/connection/export', 'limit=5', 'limit: is not known here'],
  ['logs/connection/summary', 'groupBy=x', /^groupBy: expected one of client, .*, got "x"$/],
  [
    'logs/connection/summary',
    'interval=minute&timeStart=2020-01-01',
    /^interval: minute makes more than \d+ intervals/,
  ],
  ['logs/connection/summary', 'across=resource', /^across: expected another group than groupBy/],
  ['logs/connection/summary', 'groupBy=user&across=user', /^across: expected another group/],
  [
    'logs/connection/summary',
    'groupBy=user&across=port&top=1000&topAcross=11',
    'topAcross: expected at most 10000 cells (top × topAcross), got 11000',
  ],
  ['usage', 'from=2026-13', 'from: expected a month as in 2026-11, got "2026-13"'],
  ['usage', 'from=2026-12&to=2026-01', 'from: expected a month up to 2026-01, got 2026-12'],
  ['usage', 'groupBy=port', 'groupBy: expected client, user, resource or site, got "port"'],
  ['sites', 'x=1', 'x: is not known here'],
] as const)('GET %s?%s', async (path, query, message) => {
  const { status, body } = await server.get(`${ORG}/${path}?${query}`, admin)
  expect([status, body.code]).toEqual([400, 'badRequest'])
  if (typeof message === 'string') expect(body.message).toBe(message)
  else expect(body.message).toMatch(message)
})

const NOT_PLAIN = 'expected a text of whole characters, without NUL'
/** Base64 of 32 zero bytes. */
const PUBLIC_KEY = `${'A'.repeat(43)}=`

const deflated = (value: unknown) => deflateSync(JSON.stringify(value)).toString('base64')

test.each<[method: string, path: string, body: unknown, message: string | RegExp]>([
  ['PUT', `${ORG}/settings`, {}, 'retentionDays: is required: expected a number'],
  ['PUT', `${ORG}/settings`, undefined, 'body: is required: expected an object'],
  ['PUT', `${ORG}/settings`, [], 'body: expected an object, got a list'],
  ['PUT', `${ORG}/settings`, { retentionDays: '30' }, 'retentionDays: expected a number, got "30"'],
  [
    'PUT',
    `${ORG}/settings`,
    { retentionDays: 1.5 },
    'retentionDays: expected a whole number, got 1.5',
  ],
  ['PUT', `${ORG}/settings`, { retentionDays: -2 }, 'retentionDays: expected at least -1, got -2'],
  ['PUT', `${ORG}/settings`, '{', /^the body is not JSON/],
  ['PUT', `${ORG}/catalog`, { client: [] }, 'client: is not known here; did you mean "clients"?'],
  [
    'PUT',
    `${ORG}/catalog`,
    { clients: [{ clientId: 0, name: '', colour: 1 }] },
    'clients[0].clientId: expected at least 1, got 0; clients[0].name: expected a text that is not empty, got ""; clients[0].colour: is not known here',
  ],
  [
    'PUT',
    `${ORG}/catalog`,
    { resources: [{ siteResourceId: 1, name: 'x', destination: '10.0.0.1', ports: [{}, '9-1'] }] },
    'resources[0].ports[0]: expected a port or a range, as in 443 or "8000-8100", got an object; resources[0].ports[1]: expected a port or a range, as in 443 or "8000-8100", got "9-1"',
  ],
  [
    'PUT',
    `${ORG}/catalog`,
    {
      clients: [
        { clientId: 1, name: 'a', publicKey: PUBLIC_KEY, addresses: ['10.8.0.2'] },
        { clientId: 1, name: 'b', publicKey: PUBLIC_KEY, addresses: ['10.8.0.2/32'] },
      ],
      users: ['a', 'b'].map((name) => ({ userId: 'u', name })),
      sites: ['a', 'b'].map((name) => ({ siteId: 1, name })),
      resources: ['10.0.0.1', '10.0.0.1/32'].map((destination) => ({
        siteResourceId: 1,
        name: 'x',
        destination,
      })),
    },
    [
      'clients[1].clientId: 1 is that of clients[0] already',
      `clients[1].publicKey: ${PUBLIC_KEY} is that of clients[0] already`,
      'clients[1].addresses: 10.8.0.2 is that of clients[0] already',
      'users[1].userId: u is that of users[0] already',
      'sites[1].siteId: 1 is that of sites[0] already',
      'resources[1].siteResourceId: 1 (10.0.0.1, any protocol) is that of resources[0] already',
    ].join('; '),
  ],
  ...['a\ud800b', 'a\0b'].map((text): [string, string, unknown, string] => [
    'PUT',
    `${ORG}/catalog`,
    {
      clients: [{ clientId: 1, name: text, userId: text }],
      users: [{ userId: text, name: text, email: text }],
      sites: [{ siteId: 1, name: text }],
      resources: [{ siteResourceId: 1, name: text, destination: '10.0.0.1' }],
    },
    [
      'clients[0].name',
      'clients[0].userId',
      'users[0].userId',
      'users[0].name',
      'users[0].email',
      'sites[0].name',
      'resources[0].name',
    ]
      .map((at) => `${at}: ${NOT_PLAIN}, got ${JSON.stringify(text)}`)
      .join('; '),
  ]),
  ['POST', `${ORG}/keys`, { scope: 'read', name: '\0' }, `name: ${NOT_PLAIN}, got "\\u0000"`],
  ['POST', '/api/v1/orgs', { orgId: 'b', name: '\udc00' }, `name: ${NOT_PLAIN}, got "\\udc00"`],
  [
    'POST',
    `${ORG}/keys`,
    {},
    'scope: is required: expected admin, read or ingest; name: is required: expected a text',
  ],
  [
    'POST',
    `${ORG}/keys`,
    { scope: 'ingest', name: 'x' },
    'siteId: expected a site for scope ingest and none for others, got null for ingest',
  ],
  [
    'POST',
    `${ORG}/keys`,
    { scope: 'read', name: 'x', expiresAt: 'tomorrow' },
    'expiresAt: expected a time with its zone, as in 2026-11-22T08:00:00Z, got "tomorrow"',
  ],
  [
    'POST',
    '/api/v1/orgs',
    { orgId: 'a b' },
    'orgId: expected letters, digits, - and _, at most 63, got "a b"',
  ],
  // Never a key, also when it is a wrong one.
  ['POST', '/api/v1/login', { key: 'x'.repeat(200) }, 'key: expected at most 128 characters'],
  ['POST', `${ORG}/site/0/sessions`, batch(1, []), /^siteId: expected .* from 1, got "0"$/],
  [
    'POST',
    `${ORG}/site/1/sessions`,
    { ...batch(1, []), batch: -1, gaps: {}, sessions: Array(5001).fill(0) },
    'batch: expected at least 1, got -1; gaps: expected a list, got an object; sessions: expected at most 5000 entries, got 5001',
  ],
  ['POST', `${ORG}/site/1/sessions`, {}, /; sessions: is required: expected a list$/],
  [
    'POST',
    `${ORG}/site/1/access-log`,
    { compressed: '!!' },
    'compressed: expected base64 of zlib data, got "!!"',
  ],
  [
    'POST',
    `${ORG}/site/1/access-log`,
    { compressed: deflated({}) },
    'compressed: expected a JSON array, got other JSON',
  ],
])('%s %s %j', async (method, path, body, message) => {
  const { status, body: answer } = await server.request(method, path, root, body)
  expect(status).toBe(400)
  expect(answer.message).not.toMatch(FOREIGN)
  if (typeof message === 'string') expect(answer.message).toBe(message)
  else expect(answer.message).toMatch(message)
})

interface Raw {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: { readonly code: string; readonly message: string; readonly success: boolean }
}

function raw(headers: Record<string, string>, body: string, path = `${ORG}/settings`) {
  return new Promise<Raw>((resolve, reject) => {
    const sent = request(
      `${server.url}${path}`,
      { method: 'PUT', headers: { authorization: `Bearer ${admin}`, ...headers } },
      (response) => {
        let text = ''
        response.on('data', (d) => {
          text += d
        })
        response.on('end', () => {
          resolve({
            status: response.statusCode,
            headers: response.headers,
            body: JSON.parse(text) as Raw['body'],
          })
        })
      },
    )
    sent.on('error', reject).end(body)
  })
}

const JSON_TYPE = { 'content-type': 'application/json' }
test.each<[string, Record<string, string>, string, string, number, string]>([
  ['a text body', { 'content-type': 'text/plain' }, 'x', '', 415, 'badContentType'],
  ['brotli', { ...JSON_TYPE, 'content-encoding': 'br' }, 'x', '', 415, 'badEncoding'],
  ['a body beyond 1 MiB', JSON_TYPE, ' '.repeat(2 ** 20 + 1), '', 413, 'tooLarge'],
  ['headers beyond 16 KiB', { x: 'a'.repeat(17_000) }, '', '', 431, 'headersTooLarge'],
  ['a URL beyond 8 KiB', {}, '', `${LOG}?q=${'a'.repeat(8200)}`, 414, 'urlTooLong'],
  ['a name beyond 200', {}, '', `/api/v1/org/${'a'.repeat(300)}/settings`, 414, 'urlTooLong'],
  ['a broken escape', {}, '', '/api/v1/org/%zz/settings', 400, 'badRequest'],
])('%s has the envelope and a word', async (_name, headers, body, path, status, code) => {
  const answer = await raw(headers, body, path === '' ? undefined : path)
  expect([answer.status, answer.body.code]).toEqual([status, code])
  expect(answer.body).toMatchObject({ data: null, success: false, error: true, status })
  expect(answer.body.message).not.toMatch(FOREIGN)
})

test('what is no HTTP is told so', async () => {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  socket.write('NONSENSE\r\n\r\n')
  let text = ''
  for await (const chunk of socket) text += chunk
  expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
  expect(text).toContain('"code":"badRequest"')
})

test.each([
  ['2250-01', '2259-12'],
  ['9990-01', '9999-12'],
  ['1960-01', '1969-12'],
])('usage of months in which nothing can be, %s to %s, is empty', async (from, to) => {
  const { status, body } = await server.get(`${ORG}/usage?from=${from}&to=${to}`, admin)
  expect([status, body.data]).toEqual([200, { from, to, usage: [] }])
})

test('a request without a body may name its type, as many clients do', async () => {
  const hook = { name: 'siem', kind: 'webhook', settings: { url: 'https://siem.example.org/' } }
  const path = `${ORG}/destinations`
  const { id } = (await server.request('POST', path, admin, hook)).body.data
  const send = (method: string, at: string) => server.request(method, at, admin, '')
  expect((await send('DELETE', `${path}/${id}`)).status).toBe(200)
  const { status, body } = await send('POST', path)
  expect([status, body.message]).toEqual([400, expect.stringMatching(/^the body is not JSON/)])
})
