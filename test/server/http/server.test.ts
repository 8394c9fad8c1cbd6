/** The HTTP path with a real process and a real database file: ingest, query, export, restart. */
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { batch, session } from '../../support/batches.js'
import { TestServer } from '../../support/server.js'

let server: TestServer
let admin: string
let ingest: string

beforeAll(async () => {
  server = await TestServer.start()
  admin = server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  ingest = server.key({ scope: 'ingest', org: 'acme', site: 1 })
})
afterAll(() => server.stop())

const SESSIONS = '/api/v1/org/acme/site/1/sessions'
const LOG = '/api/v1/org/acme/logs/connection'

test('a batch is stored, repeated without effect, and its bad records refused one by one', async () => {
  const bad = { ...session(3), destPort: 70_000 }
  const body = batch(1, [session(1), session(2), bad])
  const first = await server.request('POST', SESSIONS, ingest, body)
  expect(first.status).toBe(200)
  expect(first.body.data).toEqual({
    batch: 1,
    stored: 2,
    repeated: false,
    refused: [
      { index: 2, sessionId: bad.sessionId, reason: 'destPort: expected a port, got 70000' },
    ],
  })
  const again = await server.request('POST', SESSIONS, ingest, body)
  expect(again.body.data.repeated).toBe(true)
  const { body: page } = await server.get(LOG, admin)
  expect(page.data.pagination.total).toBe(2)
  expect(page.data.log.map((r: { bytesTx: number }) => r.bytesTx)).toEqual([1002, 1001])
})

test('gzip bodies are taken', async () => {
  const response = await fetch(`${server.url}${SESSIONS}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${ingest}`,
      'content-type': 'application/json',
      'content-encoding': 'gzip',
    },
    body: gzipSync(JSON.stringify(batch(2, [session(4)]))),
  })
  expect(response.status).toBe(200)
})

test('what was acknowledged survives kill -9', async () => {
  await server.request('POST', SESSIONS, ingest, batch(3, [session(5)]))
  await server.kill('SIGKILL')
  await server.spawn()
  const again = await server.request('POST', SESSIONS, ingest, batch(3, [session(5)]))
  expect(again.body.data.repeated).toBe(true)
  const { body } = await server.get(LOG, admin)
  expect(body.data.pagination.total).toBe(4)
})
