/** Changing the retention over the API: what deletes is confirmed by its number, waits a day, and can be taken back. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { demandConfirmation, inBody } from '../../../src/server/http/confirmation.js'
import { batch, report, session } from '../../support/batches.js'
import { TestServer } from '../../support/server.js'

let server: TestServer
let admin: string
const SETTINGS = '/api/v1/org/acme/settings'
const put = (body: object) => server.request('PUT', SETTINGS, admin, body)

beforeAll(async () => {
  server = await TestServer.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: -1 })
  const its = batch(1, [session(1), session(2)], { report: report() })
  await server.request('POST', '/api/v1/org/acme/site/1/sessions', admin, its)
})
afterAll(() => server.stop())

test('what deletes nothing needs no word', async () => {
  expect((await put({ retentionDays: 30 })).status).toBe(200)
  expect((await put({ retentionDays: -1 })).body.data).toEqual({
    retentionDays: -1,
    deletesFrom: null,
  })
})

test('what deletes sessions is refused with their number, until that comes along', async () => {
  expect(await put({ retentionDays: 0 })).toMatchObject({
    status: 409,
    body: { code: 'confirmNeeded', data: { sessions: 2 }, message: expect.stringContaining('2') },
  })
  expect((await server.get(SETTINGS, admin)).body.data.retentionDays).toBe(-1)
  const { status, body } = await put({ retentionDays: 0, confirm: 2 })
  expect([status, body.data.retentionDays]).toEqual([200, 0])
  const inADay = Date.now() + 86_400_000
  expect(Math.abs(Date.parse(body.data.deletesFrom) - inADay)).toBeLessThan(600_000)
})

test.each([
  [200, [0, 1, 181, 223, 999_999_999]],
  [2, [0, 1, 3]],
  [0, [1]],
])('%i sessions are not confirmed by %o', (found, told) => {
  for (const confirm of told)
    expect(() => demandConfirmation({ found, confirm, as: inBody }), `${confirm}`).toThrow(
      `"confirm": ${found}`,
    )
})

test('sessions that came or went between the two requests need no third one', () => {
  for (const [found, confirm] of [
    [200, 182],
    [200, 222],
    [2, 2],
    [0, 0],
  ] as const)
    expect(() => demandConfirmation({ found, confirm, as: inBody })).not.toThrow()
})

test('a number that nobody was told deletes nothing', async () => {
  const org = '/api/v1/org/guess'
  const key = await server.key({ scope: 'admin', org: 'guess', retentionDays: -1 })
  const root = await server.key({ scope: 'root' })
  const its = batch(1, [session(1), session(2)], { report: report() })
  await server.request('POST', `${org}/site/1/sessions`, key, its)
  const deletes: readonly (readonly [string, string, object?])[] = [
    ['PUT', `${org}/settings`, { retentionDays: 0, confirm: 0, now: true }],
    ['POST', `${org}/subject/erase`, { userId: 'u1', confirm: 999 }],
    ['DELETE', `${org}/site/1?sessions=delete&confirm=999`],
    ['DELETE', `${org}?confirm=999`],
  ]
  for (const [method, path, body] of deletes) {
    const { status, body: refused } = await server.request(method, path, root, body)
    expect([path, status, refused.code]).toEqual([path, 409, 'confirmNeeded'])
  }
  const { body } = await server.get(`${org}/logs/connection`, key)
  expect(body.data.pagination.total).toBe(2)
})

test('in its 24 hours all is there, nothing more is stored, and the change can be taken back', async () => {
  const more = batch(2, [session(3)], { report: report() })
  const path = '/api/v1/org/acme/site/1/sessions'
  expect((await server.request('POST', path, admin, more)).body.data.stored).toBe(0)
  const log = '/api/v1/org/acme/logs/connection'
  expect((await server.get(log, admin)).body.data.pagination.total).toBe(2)
  await put({ retentionDays: -1 })
  expect((await server.get(SETTINGS, admin)).body.data.deletesFrom).toBe(null)
})

test('`now` deletes without waiting', async () => {
  const { body } = await put({ retentionDays: 0, confirm: 2, now: true })
  expect(body.data).toEqual({ retentionDays: 0, deletesFrom: null })
  await expect
    .poll(async () => (await server.get('/metrics')).body as string, { timeout: 60_000 })
    .toContain('tunmeter_server_expired_sessions_total 2')
})
