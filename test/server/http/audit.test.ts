import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { batch, report, session } from '../../support/batches.js'
import { runHere } from '../../support/run-here.js'
import { TestServer } from '../../support/server.js'
import { temporaryDirectory } from '../../support/temporary.js'

let server: TestServer
let admin: string
let reader: string
let root: string
let other: string
const LOG = '/api/v1/org/acme/logs/connection'

interface Entry {
  readonly event: string
  readonly count: number
  readonly by: string | null
  readonly byName: string | null
  readonly address: string | null
  readonly facts: Record<string, unknown>
}

async function trail(query = '', org = 'acme', key = admin): Promise<Entry[]> {
  const { status, body } = await server.get(`/api/v1/org/${org}/audit?limit=1000&${query}`, key)
  expect(status).toBe(200)
  return body.data.audit
}

/** The newest of that name. */
async function newest(event: string): Promise<Entry> {
  const [entry] = await trail(`event=${event}`)
  expect(entry, event).toBeDefined()
  return entry!
}

beforeAll(async () => {
  server = await TestServer.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: -1, name: 'me' })
  reader = await server.key({ scope: 'read', org: 'acme', name: 'auditor' })
  other = await server.key({ scope: 'admin', org: 'other', name: 'neighbour' })
  root = await server.key({ scope: 'root', name: 'operator' })
  const its = batch(1, [session(1), session(2)], { report: report() })
  await server.request('POST', '/api/v1/org/acme/site/1/sessions', admin, its)
})
afterAll(() => server.stop())

test('keys: made here and over the API, used for the first time from an address, revoked', async () => {
  const made = await trail('event=keyCreated')
  expect(made.map((e) => [e.facts.name, e.address])).toEqual([
    ['auditor', null],
    ['me', null],
  ])
  expect(made[0]?.facts.systemUser).toEqual(expect.any(String))
  const path = '/api/v1/org/acme/keys'
  const { body } = await server.request('POST', path, admin, { scope: 'read', name: 'third' })
  await server.get(LOG, body.data.key)
  await server.request('DELETE', `${path}/${body.data.keyId}`, root)
  const its = await trail(`keyId=${body.data.keyId}`)
  expect(its.map((e) => [e.event, e.byName])).toEqual([
    ['keyRevoked', 'operator'],
    ['keyUsedFromNewAddress', 'third'],
    ['keyCreated', 'me'],
  ])
})

test('sign-ins that work, and those that are refused, counted by network', async () => {
  await server.request('POST', '/api/v1/login', undefined, { key: admin })
  expect(await newest('signedIn')).toMatchObject({ byName: 'me', address: '127.0.0.1' })
  const wrong = `tm_admin_${'x'.repeat(43)}`
  for (let i = 0; i < 30; i++)
    await server.request('POST', '/api/v1/login', undefined, { key: wrong })
  const { body } = await server.get('/api/v1/audit?event=signInRefused', root)
  expect(body.data.audit).toMatchObject([
    { count: 1, by: null, address: '127.0.0.1', facts: { reason: 'keyUnknown' } },
  ])
})

test('a key that wants more than it may is in its own organisation’s trail', async () => {
  await server.get('/api/v1/org/acme/logs/connection', other)
  const [entry] = await trail('event=scopeExceeded', 'other', other)
  expect(entry).toMatchObject({
    byName: 'neighbour',
    facts: { route: 'GET /api/v1/org/:orgId/logs/connection' },
  })
  expect(await trail('event=scopeExceeded')).toEqual([])
})

test('settings: from, to, and the sessions that it deletes', async () => {
  const put = (body: object) => server.request('PUT', '/api/v1/org/acme/settings', admin, body)
  await put({ retentionDays: 0 })
  expect(await trail('event=settingsChanged')).toEqual([])
  await put({ retentionDays: 0, confirm: 2 })
  expect((await newest('settingsChanged')).facts).toEqual({
    ...{ fromDays: -1, retentionDays: 0, deletesSessions: 2, now: false },
  })
  await server.request('POST', '/v1/org/acme', admin, { settingsLogRetentionDaysConnection: -1 })
  expect((await newest('settingsChanged')).facts).toMatchObject({ fromDays: 0, retentionDays: -1 })
})

test('each version of the catalog names the one that it replaced, whoever changed it', async () => {
  const path = '/api/v1/org/acme'
  const put = (siteId: number) =>
    server.request('PUT', `${path}/catalog`, admin, {
      sites: [{ siteId, name: `S${siteId}` }],
      clients: [{ clientId: 77, name: 'Ida', addresses: ['10.8.0.77'] }],
    })
  await put(1)
  await Promise.all([put(2), put(3), put(4)])
  await put(5)
  await server.request('DELETE', `${path}/site/5`, admin)
  await server.request('POST', `${path}/subject/erase`, admin, { clientId: 77, confirm: 0 })
  const facts = (await trail('event=catalogReplaced')).slice(0, 7).map((one) => one.facts)
  // The newest first.
  expect(facts.slice(1).map(({ etag }) => etag)).toEqual(
    facts.slice(0, -1).map(({ before }) => before),
  )
  expect(facts[0]).not.toHaveProperty('clients')
  expect(facts[1]).toMatchObject({ sites: { removed: { count: 1 } } })
})

test('a catalog: what it adds, removes and changes', async () => {
  const client = (clientId: number, name: string) => ({
    clientId,
    name,
    addresses: [`10.8.0.${clientId}`],
  })
  const put = (body: object) => server.request('PUT', '/api/v1/org/acme/catalog', admin, body)
  await put({ clients: Array.from({ length: 20 }, (_, i) => client(i + 1, `n${i + 1}`)) })
  expect((await newest('catalogReplaced')).facts.clients).toMatchObject({ added: { count: 20 } })
  await put({ clients: [client(1, 'renamed')] })
  const { clients } = (await newest('catalogReplaced')).facts as {
    clients: Record<string, { count: number; first: object[] }>
  }
  expect(clients.removed?.count).toBe(19)
  expect(clients.removed?.first).toHaveLength(5)
  expect(clients.changed).toEqual({
    count: 1,
    first: [{ id: 1, name: 'renamed', was: 'n1', fields: ['name'] }],
  })
})

test.each([
  ['clientId=7', { clientId: '7' }],
  ['userId=ulla', { userId: 'ulla' }],
  ['sourceAddr=10.8.0.2', { sourceAddr: '10.8.0.2' }],
  ['q=ulla', { q: 'ulla' }],
  ['q=client:ada', { q: 'client:ada' }],
  ['q=-user:ulla', { q: '-user:ulla' }],
  ['q=source:10.8.0.2', { q: 'source:10.8.0.2' }],
  ['q=port:443%20ulla', { q: 'port:443 ulla' }],
  // Nothing stands before the name that is cut off there.
  [`q=${'%20'.repeat(300)}user:ulla`, { q: 'user:ulla' }],
  [`clientId=${'%20'.repeat(300)}8`, { clientId: '8' }],
  [
    `q=-site:${'z,'.repeat(48)}z%20${'q'.repeat(300)}%20user:ulla`,
    {
      q: `-site:${'z,'.repeat(48)}z ${'q'.repeat(300)} user:ulla`,
    },
  ],
])(
  'a query that names a person (%s) is there with filter and rows, whoever asks',
  async (query, filter) => {
    await server.get(`${LOG}?${query}&timeStart=2026-01-01T00:00:00Z`, reader)
    expect(await newest('personQueried')).toMatchObject({
      byName: 'auditor',
      facts: { filter, from: '2026-01-01T00:00:00.000Z', rows: expect.any(Number) },
    })
    await server.get(`${LOG}/summary?${query}&protocol=tcp`, reader)
    expect((await newest('personQueried')).facts.filter).toEqual({ ...filter, protocol: 'tcp' })
  },
)

test('who asks for a name, also a former one, is there', async () => {
  const names = '/api/v1/org/acme/catalog/names'
  const users = [{ userId: 'una', name: 'Una U', email: 'una@example.org' }]
  await server.request('PUT', '/api/v1/org/acme/catalog', admin, { users })
  const { body } = await server.get(`${names}?userId=una`, reader)
  expect(body.data.userEmail).toBe('una@example.org')
  expect(await newest('personQueried')).toMatchObject({
    byName: 'auditor',
    facts: { log: 'names', filter: { userId: 'una' }, rows: 1 },
  })
  await server.get(`${names}?clientId=77&at=2026-01-01T00:00:00Z&siteId=1`, reader)
  const facts = { log: 'names', filter: { clientId: '77' }, rows: 0 }
  expect((await newest('personQueried')).facts).toEqual(facts)
  const before = (await trail('event=personQueried')).length
  await server.get(`${names}?siteId=1`, reader)
  expect(await trail('event=personQueried')).toHaveLength(before)
})

test('a query that names nobody is not, nor one below /v1; one below /v1 that does is', async () => {
  const before = (await trail('event=personQueried')).length
  for (const query of ['', 'clientId=none', 'destAddr=10.0.0.1', 'q=client:none', 'q=port:443'])
    await server.get(`${LOG}?${query}`, reader)
  await server.get('/v1/org/acme/logs/connection', reader)
  expect(await trail('event=personQueried')).toHaveLength(before)
  await server.get('/v1/org/acme/logs/connection?clientId=99', reader)
  expect((await newest('personQueried')).facts.filter).toEqual({ clientId: '99' })
})

test.each(['csv', 'ndjson', 'parquet'])('an export as %s: who, filter, rows', async (format) => {
  const query = `format=${format}&siteId=1&timeStart=2020-01-01T00:00:00Z`
  await server.get(`${LOG}/export?${query}`, reader)
  await expect
    .poll(async () => (await trail('event=exportEnded'))[0]?.facts)
    .toMatchObject({
      ...{ format, filter: { siteId: '1' }, whole: true },
      rows: format === 'parquet' ? null : 2,
    })
  expect(await newest('exportStarted')).toMatchObject({ byName: 'auditor', facts: { format } })
})

test('only admins read it, of their own organisation; the server’s own is the operator’s', async () => {
  expect((await server.get('/api/v1/org/acme/audit', reader)).status).toBe(403)
  expect((await server.get('/api/v1/org/acme/audit', other)).status).toBe(403)
  expect((await server.get('/api/v1/audit', admin)).status).toBe(403)
  expect((await server.get('/api/v1/audit/export', admin)).status).toBe(403)
  await server.request('POST', '/api/v1/backup', root)
  const { body } = await server.get('/api/v1/audit', root)
  const events = body.data.audit.map((e: Entry) => e.event)
  expect(events).toEqual(expect.arrayContaining(['serverStarted', 'orgCreated', 'backupMade']))
  const names = (await trail('', 'other', other)).map((e) => e.byName ?? e.facts.name)
  expect(new Set(names)).toEqual(new Set(['neighbour']))
})

test('the key that `tunmeter backup` makes beside a running server is there, with the place', async () => {
  const output = join(temporaryDirectory(), 'copy')
  const args = ['backup', '--data', server.data, '--output', output]
  expect((await runHere(args).finished).code).toBe(0)
  const { audit } = (await server.get('/api/v1/audit', root)).body.data as { audit: Entry[] }
  const backup = audit.find(({ event }) => event === 'backupMade')!
  expect(backup).toMatchObject({ byName: 'backup', facts: { output: expect.any(String) } })
  const its = audit.filter(({ facts }) => facts.keyId === backup.by)
  const told = { name: 'backup', output, systemUser: expect.any(String) }
  expect(its.map(({ event, facts }) => [event, facts])).toEqual([
    ['keyRevoked', expect.objectContaining(told)],
    ['keyCreated', expect.objectContaining({ ...told, made: 'root' })],
  ])
})

test('the first start on a restored backup is told, later ones are plain', async () => {
  const { body } = await server.request('POST', '/api/v1/backup', root)
  const restored = await TestServer.on(body.data.directory)
  onTestFinished(() => restored.stop())
  const starts = async () => {
    const answer = await restored.get('/api/v1/audit?event=serverStarted', root)
    return answer.body.data.audit.map((e: Entry) => e.facts.restoredFrom)
  }
  const backup = (await server.get('/api/v1/audit?event=backupMade', root)).body.data.audit[0]
  const [at] = await starts()
  expect(Math.abs(Date.parse(at) - Date.parse(backup.at))).toBeLessThan(60_000)
  expect(await starts()).toEqual([at, undefined])
  await restored.kill('SIGKILL')
  await restored.spawn()
  expect(await starts()).toEqual([undefined, at, undefined])
})

test('pages by cursor, and wrong values are named', async () => {
  const whole = await trail()
  const seen: Entry[] = []
  for (let cursor = ''; ; ) {
    const { body } = await server.get(`/api/v1/org/acme/audit?limit=5${cursor}`, admin)
    seen.push(...body.data.audit)
    if (body.data.nextCursor === null) break
    cursor = `&cursor=${body.data.nextCursor}`
  }
  expect(seen).toEqual(whole)
  const wrong = await server.get('/api/v1/org/acme/audit?event=x&cursor=y&limit=0&x=1', admin)
  expect(wrong.status).toBe(400)
  for (const name of ['event', 'cursor', 'limit', 'x']) expect(wrong.body.message).toContain(name)
})

test('tunmeter audit shows it, and writes it as NDJSON and CSV', async () => {
  const run = (key: string, ...args: string[]) =>
    runHere(['audit', '--server', server.url, ...args], { env: { TUNMETER_KEY: key } }).finished
  const shown = await run(admin, '--event', 'keyCreated', '--limit', '2')
  expect(shown.code).toBe(0)
  expect(shown.stdout.trim().split('\n')).toHaveLength(2)
  expect(shown.stdout).toContain('keyCreated')
  expect(shown.stderr).toContain('there are more')
  const ndjson = await run(admin, '--format', 'ndjson', '--event', 'settingsChanged')
  const lines = ndjson.stdout.trim().split('\n')
  expect(lines.map((line) => JSON.parse(line).event)).toEqual([
    'settingsChanged',
    'settingsChanged',
  ])
  const csv = await run(admin, '--format', 'csv', '--event', 'catalogReplaced')
  expect(csv.stdout).toMatch(/^id,at,event,count,until,address,by,byName,scope,facts\r\n\d+,/)
  const operator = await run(root, '--operator', '--event', 'backupMade')
  expect(operator.stdout).toContain('backupMade')
})

test('it outlives a restart, and a key that comes from where it came is not new', async () => {
  const before = await trail('event=keyUsedFromNewAddress')
  await server.kill('SIGTERM')
  await server.spawn()
  expect(await trail('event=keyUsedFromNewAddress')).toEqual(before)
  const { body } = await server.get('/api/v1/audit?event=signInRefused', root)
  const counts = body.data.audit.map((e: Entry) => e.count)
  expect(counts.reduce((a: number, b: number) => a + b, 0)).toBe(30)
})
