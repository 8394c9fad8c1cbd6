/** `/v1`: what a client of Pangolin's integration API sends, and what it reads of the answers. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { batch, session } from '../../support/batches.js'
import { TestServer } from '../../support/server.js'

let server: TestServer
let admin: string
let read: string
const ORG = '/v1/org/acme'
const LOG = `${ORG}/logs/connection`
const START_US = Math.floor(Date.now() / 1e3 - 3600) * 1e6
const iso = (us: number) => new Date(us / 1e3).toISOString()

beforeAll(async () => {
  server = await TestServer.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  read = await server.key({ scope: 'read', org: 'acme' })
  await server.request('PUT', '/api/v1/org/acme/catalog', admin, {
    clients: [{ clientId: 1, name: 'Anna' }],
    users: [{ userId: '@ulla', name: 'Ulla', email: 'ulla@example.org' }],
    resources: [{ siteResourceId: 7, name: 'db', destination: '192.168.10.5' }],
    sites: [{ siteId: 1, name: 'Berlin' }],
  })
  const at = (i: number, more: object) => {
    const startTimeUs = START_US + i * 1e6 + 500_000
    return session(i, { startTimeUs, endTimeUs: startTimeUs + 2_500_000, ...more })
  }
  const known = { clientId: 1, userId: '@ulla', siteResourceId: 7 }
  const sent = [
    at(1, { ...known, sourceIp: '10.8.0.2', sourcePort: 4001, bytesTx: 100, bytesRx: 200 }),
    at(2, { clientId: null, userId: null, siteResourceId: null, protocol: 'udp', connState: 'SF' }),
    at(3, { ...known, endReason: 'activeTimeout' }),
  ]
  const stored = await server.request(
    'POST',
    '/api/v1/org/acme/site/1/sessions',
    admin,
    batch(1, sent),
  )
  expect(stored.body.data).toMatchObject({ stored: 3, refused: [] })
})
afterAll(() => server.stop())

async function log(query = ''): Promise<Record<string, unknown>[]> {
  const { status, body } = await server.get(`${LOG}?${query}`, read)
  expect(status).toBe(200)
  return body.data.log
}
const seconds = async (query: string) =>
  (await log(query)).map((row) => (row.startedAt as number) - START_US / 1e6)

test('the envelope, the rows and the attributes are as its clients read them', async () => {
  const { body } = await server.get(LOG, read)
  const { data, ...envelope } = body
  expect(envelope).toEqual({
    success: true,
    error: false,
    message: 'Connection audit logs retrieved successfully',
    status: 200,
  })
  expect(data.pagination).toEqual({ total: 3, limit: 1000, offset: 0 })
  expect(data.filterAttributes).toEqual({
    protocols: ['tcp', 'udp'],
    destAddrs: [data.log[0].destAddr],
    clients: [{ id: 1, name: 'Anna' }],
    resources: [{ id: 7, name: 'db' }],
    users: [{ id: '@ulla', email: 'ulla@example.org' }],
  })
  expect(Object.entries(data.log[2])).toEqual(
    Object.entries({
      sessionId: expect.any(String),
      siteResourceId: 7,
      orgId: 'acme',
      siteId: 1,
      clientId: 1,
      clientEndpoint: data.log[2].clientEndpoint,
      userId: '@ulla',
      sourceAddr: '10.8.0.2:4001',
      destAddr: data.log[2].destAddr,
      protocol: 'tcp',
      startedAt: START_US / 1e6 + 1,
      endedAt: START_US / 1e6 + 4,
      bytesTx: 100,
      bytesRx: 200,
      resourceName: 'db',
      resourceNiceId: null,
      siteName: 'Berlin',
      siteNiceId: null,
      clientName: 'Anna',
      clientNiceId: null,
      clientType: null,
      userEmail: 'ulla@example.org',
    }),
  )
  // Newest first; one that is open has no end.
  expect(data.log.map((row: { endedAt: number | null }) => row.endedAt === null)).toEqual([
    true,
    false,
    false,
  ])
})

test.each<[query: string, starts: number[]]>([
  ['protocol=udp', [2]],
  ['protocol=icmp', []],
  ['protocol=', [3, 2, 1]],
  ['sourceAddr=10.8.0.2:4001', [1]],
  ['sourceAddr=10.8.0.2', []],
  ['destAddr=nonsense', []],
  ['clientId=1', [3, 1]],
  ['clientId=1&siteId=2', []],
  ['siteResourceId=7&userId=@ulla', [3, 1]],
  ['limit=1&offset=1', [2]],
  ['somethingElse=1&limit=2', [3, 2]],
  ['limit=100000', [3, 2, 1]],
  // Whole seconds, without both ends.
  [`timeStart=${iso(START_US + 1_900_000)}&timeEnd=${iso(START_US + 3_900_000)}`, [2]],
  [`timeStart=${iso(START_US)}&timeEnd=${iso(START_US)}`, []],
  [`timeEnd=9999-12-31T23:59:59Z`, [3, 2, 1]],
])('%s', async (query, starts) => {
  expect(await seconds(query)).toEqual(starts)
})

test('a limit is capped and said; the attributes are those of the time alone', async () => {
  const { data } = (await server.get(`${LOG}?limit=50000&protocol=icmp&clientId=9`, read)).body
  expect(data.pagination).toEqual({ total: 0, limit: 1000, offset: 0 })
  expect(data.filterAttributes.protocols).toEqual(['tcp', 'udp'])
})

test.each([
  'clientId=x',
  'clientId=0',
  'limit=-1',
  'timeStart=yesterday',
  'timeStart=2026-01-01T00:00:00',
  'offset=1000001',
])('%s is refused', async (query) => {
  const { status, body } = await server.get(`${LOG}?${query}`, read)
  expect([status, body.data, body.success, body.error]).toEqual([400, null, false, true])
  expect(body.message).toContain(query.split('=')[0])
})

test('CSV has its fourteen columns, in lines that end in LF, the last one in nothing', async () => {
  const { headers, body } = await server.get(`${LOG}/export?clientId=1&limit=1`, read)
  const [header, ...lines] = (body as string).split('\n')
  expect(header).toBe(
    'sessionId,siteResourceId,orgId,siteId,clientId,clientEndpoint,userId,sourceAddr,destAddr,protocol,startedAt,endedAt,bytesTx,bytesRx',
  )
  expect(lines).toHaveLength(2)
  expect(lines[1]!.split(',').slice(6, 8)).toEqual(['@ulla', '10.8.0.2:4001'])
  expect(lines[0]!.split(',')[11]).toBe('')
  expect(headers.get('content-disposition')).toMatch(
    /filename="connection-audit-logs-acme-\d{13}\.csv"/,
  )
  expect((await server.get(`${LOG}/export?protocol=icmp`, read)).body).toBe(header)
})

test('the retention is a field of the organisation', async () => {
  const days = async () =>
    (await server.get(ORG, read)).body.data.org.settingsLogRetentionDaysConnection
  const set = (settingsLogRetentionDaysConnection: unknown, key = admin) =>
    server.request('POST', ORG, key, { settingsLogRetentionDaysConnection, name: 'ignored' })
  expect(await days()).toBe(30)
  for (const [wanted, kept] of [
    [14, 14],
    [-1, -1],
    [9001, 731],
  ]) {
    expect((await set(wanted)).status).toBe(200)
    expect(await days()).toBe(kept)
  }
  expect((await set(-2)).status).toBe(400)
  // What deletes sessions is confirmed and waits, as below /api/v1.
  expect(await set(0)).toMatchObject({ status: 409, body: { code: 'confirmNeeded' } })
  const off = { settingsLogRetentionDaysConnection: 0, confirm: 3 }
  expect((await server.request('POST', ORG, admin, off)).status).toBe(200)
  const { data } = (await server.get('/api/v1/org/acme/settings', read)).body
  expect(data).toEqual({ retentionDays: 0, deletesFrom: expect.any(String) })
  expect((await set(9001)).status).toBe(200)
  expect(await log()).toHaveLength(3)
  expect((await set(7, read)).status).toBe(403)
  expect((await server.get('/api/v1/org/acme/settings', read)).body.data.retentionDays).toBe(731)
})

test('other organisations and strangers see nothing', async () => {
  for (const path of [LOG, `${LOG}/export`, ORG]) {
    expect((await server.get(path)).status).toBe(401)
    expect((await server.get(path.replace('acme', 'other'), read)).status).toBe(403)
  }
})

test('answers are as /openapi.json describes them', async () => {
  const { paths } = (await server.get('/openapi.json')).body
  for (const path of [LOG, ORG]) {
    const { responses } = paths[path.replace('acme', '{orgId}')].get
    const { schema } = responses['200'].content['application/json']
    const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema)
    validate((await server.get(path, read)).body)
    expect(validate.errors ?? []).toEqual([])
  }
})
