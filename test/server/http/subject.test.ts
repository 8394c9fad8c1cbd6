import { afterAll, beforeAll, expect, test } from 'vitest'
import { batch, report, session } from '../../support/batches.js'
import { runHere } from '../../support/run-here.js'
import { TestServer } from '../../support/server.js'

let server: TestServer
let admin: string
let reader: string
const ORG = '/api/v1/org/acme'
const HOUR_US = 3600e6
const now = Date.now()
const iso = (hoursAgo: number) => new Date(now - hoursAgo * 3600e3).toISOString()

/** Nobody's minute is at the edge of an hour: the hours of sessions follow one another or do not, whenever this runs. */
const hourStartUs = Math.floor(now / 3600e3) * HOUR_US
function started(hoursAgo: number, sequence: number, who: object) {
  const startTimeUs = hourStartUs - hoursAgo * HOUR_US + sequence * 1000
  return session(sequence, { startTimeUs, endTimeUs: startTimeUs + 1000, ...who })
}

beforeAll(async () => {
  server = await TestServer.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: -1 })
  reader = await server.key({ scope: 'read', org: 'acme' })
  const other = await server.key({ scope: 'admin', org: 'other', retentionDays: -1 })
  const its = report({ startedAt: iso(40), at: iso(0) })
  const sessions = [
    ...[1, 2].map((n) => started(10, n, { clientId: 1, userId: 'ulla' })),
    started(9, 3, { clientId: 2, userId: 'ulla' }),
    started(3, 4, { clientId: 2, userId: 'ulla' }),
    ...[5, 6, 7].map((n) => started(9, n, { clientId: 7, userId: 'max' })),
    started(9, 8, { clientId: null, userId: null }),
    // Max reached Ulla's laptop through the hub.
    started(9, 9, { clientId: 7, userId: 'max', otherClientId: 1, otherUserId: 'ulla' }),
  ]
  const send = (org: string, key: string) =>
    server.request('POST', `/api/v1/org/${org}/site/1/sessions`, key, {
      ...batch(1, sessions, { spoolId: 's1', report: its }),
    })
  expect((await send('acme', admin)).status).toBe(200)
  expect((await send('other', other)).status).toBe(200)
  const address = (n: number) => [`10.8.0.${n}`]
  await server.request('PUT', `${ORG}/catalog`, admin, {
    users: [
      { userId: 'ulla', name: 'Ulla U.', email: 'ulla@example.org' },
      { userId: 'max', name: 'Max' },
    ],
    clients: [
      { clientId: 1, name: 'laptop', userId: 'ulla', addresses: address(1) },
      { clientId: 7, name: 'phone', userId: 'max', addresses: address(7) },
    ],
  })
})
afterAll(() => server.stop())

function tunmeter(...args: string[]) {
  return runHere([...args, '--server', server.url], { env: { TUNMETER_KEY: admin } }).finished
}

const RANGE = `timeStart=${iso(48)}`
const log = async (query = '') =>
  (await server.get(`${ORG}/logs/connection?${RANGE}&${query}`, admin)).body.data
const usage = async () => {
  const { body } = await server.get(`${ORG}/usage?groupBy=user`, admin)
  const sums = new Map<string | null, number>()
  for (const { id, sessions } of body.data.usage) sums.set(id, (sums.get(id) ?? 0) + sessions)
  return Object.fromEntries(sums)
}
const holes = async () => {
  const { body } = await server.get(`${ORG}/completeness?${RANGE}`, admin)
  const all = body.data.sites[0].meters[0].holes as { cause: string; sessions: number }[]
  return all.filter((hole) => hole.cause === 'erased')
}

test('export: names, totals and sessions of that person, and of nobody else', async () => {
  const { code, stdout } = await tunmeter('subject', 'export', '--user', 'ulla')
  expect(code).toBe(0)
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(lines.map((line) => line.kind)).toEqual([
    ...['name', 'name', 'usage', 'session', 'session', 'session', 'session', 'session'],
  ])
  expect(lines.slice(0, 3)).toMatchObject([
    { email: 'ulla@example.org' },
    { clientId: 1, name: 'laptop' },
    { id: 'ulla', sessions: 4 },
  ])
  const ends = lines.slice(3).map((line) => [line.userId, line.otherUserId])
  const opened = Array(4).fill(['ulla', null])
  expect(ends.sort()).toEqual([['max', 'ulla'], ...opened])
})

test.each([
  ['GET', 'export?userId=ulla'],
  ['POST', 'erase'],
])('%s %s needs an admin key', async (method, path) => {
  const body = method === 'GET' ? undefined : { userId: 'ulla', confirm: 99 }
  const { status } = await server.request(method, `${ORG}/subject/${path}`, reader, body)
  expect(status).toBe(403)
})

test.each([{}, { userId: 'ulla', clientId: 1 }, { userId: '' }, { clientId: 0 }])(
  'who is meant must be plain: %o',
  async (body) => {
    const post = { ...body, confirm: 99 }
    expect((await server.request('POST', `${ORG}/subject/erase`, admin, post)).status).toBe(400)
  },
)

test('erasing is confirmed by the number of sessions', async () => {
  const unconfirmed = await tunmeter('subject', 'erase', '--user', 'ulla')
  expect(unconfirmed.code).toBe(1)
  expect(unconfirmed.stderr).toContain('this erases 5 sessions')
  const few = await server.request('POST', `${ORG}/subject/erase`, admin, {
    ...{ userId: 'ulla', confirm: 4 },
  })
  expect(few).toMatchObject({ status: 409, body: { data: { sessions: 5 } } })
  expect((await log()).pagination.total).toBe(9)
})

test('erasing takes sessions and names of that person; totals, others and other organisations stay', async () => {
  const before = await usage()
  expect(before).toEqual({ ulla: 4, max: 4, null: 1 })
  const done = await tunmeter('subject', 'erase', '--user', 'ulla', '--confirm', '5')
  expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('5 sessions erased') })
  expect(done.stderr).toContain('not covered: backups')
  const { pagination, log: rows } = await log()
  expect([pagination.total, rows.length]).toEqual([4, 4])
  const { body } = await server.get(`${ORG}/logs/connection/summary?${RANGE}&groupBy=user`, admin)
  expect(body.data.totals.sessions).toBe(4)
  expect(await usage()).toEqual({ max: 4, null: 5 })
  const { catalog } = { catalog: (await server.get(`${ORG}/catalog`, admin)).body.data }
  expect(JSON.stringify(catalog)).not.toContain('lla')
  expect(catalog.clients).toMatchObject([{ name: 'laptop', userId: null }, { name: 'phone' }])
  expect((await log('q=Ulla')).pagination.total).toBe(0)
  const root = await server.key({ scope: 'root' })
  const others = await server.get(`/api/v1/org/other/logs/connection?${RANGE}`, root)
  expect(others.body.data.pagination.total).toBe(9)
})

test('what was erased is a counted hole where it was, and no hole beside it', async () => {
  expect(await holes()).toMatchObject([{ sessions: 4 }, { sessions: 1 }])
  const between = `timeStart=${new Date(hourStartUs / 1e3 - 8 * 3600e3).toISOString()}&timeEnd=${new Date(hourStartUs / 1e3 - 4 * 3600e3).toISOString()}`
  const { body } = await server.get(`${ORG}/completeness?${between}`, admin)
  expect(body.data.complete).toBe(true)
})

test('a meter that sends the batch again brings nothing back', async () => {
  const again = batch(1, [started(10, 1, { clientId: 1, userId: 'ulla' })], { spoolId: 's1' })
  const path = `${ORG}/site/1/sessions`
  await server.request('POST', path, admin, again)
  expect((await log('userId=ulla')).pagination.total).toBe(0)
})

test('a client is erased by its number, and both are in the audit trail', async () => {
  const { body } = await server.request('POST', `${ORG}/subject/erase`, admin, {
    ...{ clientId: 7, confirm: 3 },
  })
  expect(body.data).toMatchObject({ sessions: 3, name: true })
  const events = 'event=subjectErased,subjectEraseStarted,subjectExported'
  const { audit } = (await server.get(`${ORG}/audit?${events}`, admin)).body.data
  expect(audit.map((e: { event: string; facts: object }) => [e.event, e.facts])).toEqual([
    ['subjectErased', { clientId: 7, sessions: 3, peerEvents: 0, name: true }],
    ['subjectEraseStarted', { clientId: 7, found: 3 }],
    ['subjectErased', { userId: 'ulla', sessions: 5, peerEvents: 0, name: true }],
    ['subjectEraseStarted', { userId: 'ulla', found: 5 }],
    ['subjectExported', { userId: 'ulla', rows: 5 }],
  ])
})

test('--pseudonymise keeps sessions and totals under another name; it is in the audit trail without that name', async () => {
  const path = '/api/v1/org/other/catalog'
  const root = await server.key({ scope: 'root' })
  const key = await server.key({ scope: 'admin', org: 'other' })
  const users = [{ userId: 'ulla', name: 'Ulla U.' }]
  await server.request('PUT', path, key, { users, clients: [] })
  const env = { TUNMETER_KEY: key }
  const erase = ['subject', 'erase', '--user', 'ulla', '--pseudonymise', '--server', server.url]
  expect((await runHere(erase, { env }).finished).stderr).toContain('5 sessions')
  const done = await runHere([...erase, '--confirm', '5'], { env }).finished
  expect(done).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('5 sessions pseudonymised'),
  })
  const log = await server.get(`/api/v1/org/other/logs/connection?${RANGE}`, root)
  const rows = log.body.data.log as { userId: string | null; otherUserId: string | null }[]
  const ids = new Set(rows.map(({ userId }) => userId).filter((id) => id?.startsWith('pseudonym-')))
  expect([rows.length, ids.size]).toEqual([9, 1])
  expect(JSON.stringify(rows)).not.toContain('lla')
  const [id] = ids
  expect(rows.filter(({ otherUserId }) => otherUserId === id)).toHaveLength(1)
  const csv = await server.get(
    `/api/v1/org/other/logs/connection/export?${RANGE}&userId=${id}`,
    root,
  )
  expect(String(csv.body).trim().split('\n')).toHaveLength(5)
  const holes = await server.get(`/api/v1/org/other/completeness?${RANGE}`, root)
  expect(JSON.stringify(holes.body)).not.toContain('erased')
  const trail = await server.get('/api/v1/org/other/audit?event=subjectErased', key)
  expect(trail.body.data.audit[0].facts).toMatchObject({
    userId: 'ulla',
    pseudonymised: true,
    sessions: 5,
  })
  const byOthers = JSON.stringify(
    trail.body.data.audit.filter((e: { event: string }) => e.event === 'subjectErased'),
  )
  expect(byOthers).not.toContain(id)
})

test('rows have the names of today; what was called otherwise then is asked for, and given out with the person', async () => {
  const put = (name: string) =>
    server.request('PUT', `${ORG}/catalog`, admin, {
      users: [{ userId: 'nora', name, email: 'nora@example.org' }],
      clients: [{ clientId: 9, name: `${name}'s phone` }],
    })
  await put('Nora N.')
  const before = new Date().toISOString()
  await put('Nora O.')
  const names = async (at: string) =>
    (await server.get(`${ORG}/catalog/names?at=${at}&clientId=9&userId=nora&siteId=77`, reader))
      .body.data
  expect(await names(before)).toEqual({
    clientName: "Nora N.'s phone",
    userName: 'Nora N.',
    userEmail: 'nora@example.org',
    resourceName: null,
    siteName: null,
  })
  expect(await names(new Date().toISOString())).toMatchObject({ userName: 'Nora O.' })
  const { body } = await server.get(`${ORG}/subject/export?userId=nora`, admin)
  const former = { kind: 'formerName', userId: 'nora', name: 'Nora N.', email: 'nora@example.org' }
  expect(JSON.parse(body.split('\n')[1])).toMatchObject(former)
})
