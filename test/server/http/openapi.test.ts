/** The description is valid OpenAPI, and real answers are what it says. */
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { batch, session } from '../../support/batches.js'
import { TestServer } from '../../support/server.js'

let server: TestServer
let admin: string
// biome-ignore lint/suspicious/noExplicitAny: a document of any shape.
let description: any

beforeAll(async () => {
  server = await TestServer.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  const open = session(2, { endReason: 'activeTimeout' })
  const sent = batch(3, [session(1), open], {
    gaps: [
      {
        reason: 'spoolFull',
        sessions: 2,
        from: '2026-11-22T10:00:00Z',
        to: '2026-11-22T10:00:01Z',
      },
    ],
  })
  await server.request('POST', '/api/v1/org/acme/site/1/sessions', admin, sent)
  description = (await server.get('/openapi.json')).body
})
afterAll(() => server.stop())

test('it is valid OpenAPI 3.1', async () => {
  const result = await new Validator().validate(description)
  expect(result.errors ?? []).toEqual([])
  expect(result.valid).toBe(true)
})

test.each([
  ['/api/v1/key', ''],
  ['/api/v1/orgs', ''],
  ['/api/v1/org/{orgId}/logs/connection', ''],
  ['/api/v1/org/{orgId}/logs/connection', '?destAddr=1.1.1.1&count=false&attributes=false'],
  ['/api/v1/org/{orgId}/logs/connection', '?known=none'],
  ['/api/v1/org/{orgId}/logs/connection/summary', '?groupBy=user&interval=day'],
  ['/api/v1/org/{orgId}/logs/connection/summary', '?groupBy=client&across=resource'],
  ['/api/v1/org/{orgId}/logs/connection/changes', '?groupBy=resource'],
  ['/api/v1/org/{orgId}/logs/connection/new-pairs', '?groupBy=client'],
  ['/api/v1/org/{orgId}/logs/connection/histogram', '?bars=10&utcOffset=-330'],
  ['/api/v1/org/{orgId}/usage', ''],
  ['/api/v1/org/{orgId}/sites', ''],
  ['/api/v1/org/{orgId}/settings', ''],
  ['/api/v1/org/{orgId}/catalog', ''],
  ['/api/v1/org/{orgId}/keys', ''],
  ['/healthz', ''],
  ['/readyz', ''],
])('the answer of %s%s is as described', async (path, query) => {
  const { status, body } = await server.get(path.replace('{orgId}', 'acme') + query, admin)
  expect(status).toBe(200)
  const schema = description.paths[path].get.responses['200'].content['application/json'].schema
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema)
  validate(body)
  expect(validate.errors ?? []).toEqual([])
})

test.each<
  [status: number, method: string, path: string, headers: Record<string, string>, body?: string]
>([
  [304, 'get', '/api/v1/org/{orgId}/catalog', { 'if-none-match': '*' }],
  [412, 'put', '/api/v1/org/{orgId}/catalog', { 'if-match': '"other"' }, '{}'],
  [413, 'put', '/api/v1/org/{orgId}/settings', {}, ' '.repeat(2 ** 20 + 1)],
  [415, 'put', '/api/v1/org/{orgId}/settings', { 'content-encoding': 'br' }, '{}'],
  [400, 'put', '/api/v1/org/{orgId}/settings', {}, '{}'],
  [403, 'post', '/api/v1/orgs', {}, '{"orgId":"x"}'],
  [401, 'get', '/api/v1/orgs', { authorization: 'Bearer tm_wrong' }],
])('the status %i of %s %s is described', async (status, method, path, headers, body) => {
  const answer = await fetch(server.url + path.replace('{orgId}', 'acme'), {
    method: method.toUpperCase(),
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json', ...headers },
    ...(body !== undefined && { body }),
  })
  expect(answer.status).toBe(status)
  const { responses } = description.paths[path][method]
  expect(Object.keys(responses)).toContain(String(status))
  expect(Object.keys(responses[status].headers ?? {})).toEqual(status === 304 ? ['ETag'] : [])
})

test('every route with a key says that it may be put off, and when to come back', () => {
  const keyed = Object.values(description.paths).flatMap((path) =>
    Object.values(path as object).filter((operation) => operation.security.length > 0),
  )
  expect(keyed.length).toBeGreaterThan(10)
  for (const { responses } of keyed)
    expect(Object.keys(responses['503'].headers)).toEqual(['Retry-After'])
})

test('conditions and packed bodies are described where they are taken', () => {
  const headersOf = (method: string, path: string) =>
    description.paths[`/api/v1/org/{orgId}${path}`][method].parameters
      .filter((p: { in: string }) => p.in === 'header')
      .map((p: { name: string }) => p.name)
  expect(headersOf('get', '/catalog')).toEqual(['If-None-Match'])
  expect(headersOf('put', '/catalog')).toEqual(['Content-Encoding', 'If-Match'])
  expect(headersOf('post', '/site/{siteId}/sessions')).toEqual(['Content-Encoding'])
  expect(headersOf('get', '/usage')).toEqual([])
})

test('/docs is readable without network, script or inline style', async () => {
  const { body } = await server.get('/docs')
  for (const path of Object.keys(description.paths)) expect(body).toContain(path)
  expect(body).not.toMatch(/<script|style=|https?:\/\//)
})
