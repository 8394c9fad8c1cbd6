/** Sites, meters, organisations and revoked keys are removed; what stays is judged as before, and is nobody else's. */
import { spawn } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { batch, report, session } from '../../support/batches.js'
import { follow, run } from '../../support/process.js'
import { TestServer } from '../../support/server.js'
import { until } from '../../support/until.js'

let server: TestServer
let root: string
let admin: string
const now = Date.now()
const iso = (hoursAgo: number) => new Date(now - hoursAgo * 3600e3).toISOString()
const RANGE = `timeStart=${iso(24)}`

beforeAll(async () => {
  server = await TestServer.start()
  root = await server.key({ scope: 'root' })
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: -1 })
})
afterAll(() => server.stop())

async function tunmeter(key: string, ...args: string[]) {
  const env = { ...process.env, TUNMETER_KEY: key }
  const child = spawn(process.execPath, ['dist/cli.js', ...args, '--server', server.url], { env })
  return follow(child).finished
}

/** A batch with so many sessions, of a meter that began 20 hours ago. */
async function deliver(key: string, org: string, site: number, count: number, change: object = {}) {
  const its = { spoolId: `s${site}`, report: report({ startedAt: iso(20), at: iso(0) }), ...change }
  const first = site * 1000
  const sessions = Array.from({ length: count }, (_, i) => session(first + i))
  const path = `/api/v1/org/${org}/site/${site}/sessions`
  return server.request('POST', path, key, batch(1, sessions, its))
}

const get = async (path: string, org = 'acme', key = admin) =>
  (await server.get(`/api/v1/org/${org}/${path}`, key)).body.data
const sites = async () => (await get('sites')).sites.map((s: { siteId: number }) => s.siteId)
const total = async (site: number) =>
  (await get(`logs/connection?${RANGE}&siteId=${site}`)).pagination.total
const holes = async (query = '') =>
  (await get(`completeness?${RANGE}${query}`)).sites.flatMap(
    (s: { meters: { holes: object[] }[] }) => s.meters.flatMap((m) => m.holes),
  )
const remove = (path: string, key = admin, org = 'acme') =>
  server.request('DELETE', `/api/v1/org/${org}${path}`, key)
const metricsOf = async (site: number) =>
  (await (await fetch(`${server.url}/metrics`)).text()).includes(`org="acme",site="${site}"`)

describe('a site', () => {
  test('leaves lists, metrics and what is expected; its key ends, its sessions and its past stay', async () => {
    const ingest = await server.key({ scope: 'ingest', org: 'acme', site: 1 })
    await deliver(ingest, 'acme', 1, 3)
    await server.request('PUT', '/api/v1/org/acme/catalog', admin, {
      sites: [{ siteId: 1, name: 'Lyon' }],
    })
    expect([await sites(), await total(1)]).toEqual([[1], 3])
    const before = await holes()
    const done = await tunmeter(admin, 'remove', 'site', '1')
    expect(done).toMatchObject({
      code: 0,
      stdout: 'site 1 removed: 1 key revoked, 1 meter, its sessions stay\n',
    })
    expect([await sites(), await total(1)]).toEqual([[], 3])
    expect(await holes()).toEqual(before)
    expect((await deliver(ingest, 'acme', 1, 1)).status).toBe(401)
    // It is expected no more, and nobody claims that it was watched after that.
    const later = await get(`completeness?timeStart=${new Date(Date.now() + 1).toISOString()}`)
    expect(later.sites).toEqual([])
  })

  test('its sessions are deleted when their number is confirmed: totals stay, and a counted hole', async () => {
    await deliver(admin, 'acme', 2, 4)
    const usage = await get('usage?groupBy=site')
    const asked = await remove('/site/2?sessions=delete')
    expect([asked.status, asked.body.data]).toEqual([409, { sessions: 4 }])
    expect([await sites(), await total(2)]).toEqual([[2], 4])
    const done = await remove('/site/2?sessions=delete&confirm=4')
    expect(done.body.data).toMatchObject({ sessions: 4, meters: 1 })
    expect([await sites(), await total(2), await total(1)]).toEqual([[], 0, 3])
    expect(await get('usage?groupBy=site')).toEqual(usage)
    const summary = await get(`logs/connection/summary?${RANGE}&groupBy=site`)
    expect(summary.totals.sessions).toBe(3)
    const gone = (await holes()).filter((h: { cause: string }) => h.cause === 'deletedByOperator')
    expect(gone.reduce((sum: number, h: { sessions: number }) => sum + h.sessions, 0)).toBe(4)
  })

  test('whose meter reports again is there again', async () => {
    await deliver(admin, 'acme', 3, 1)
    await remove('/site/3')
    expect(await sites()).toEqual([])
    const again = batch(2, [session(3500)], {
      spoolId: 's3',
      report: report({ startedAt: iso(20) }),
    })
    await server.request('POST', '/api/v1/org/acme/site/3/sessions', admin, again)
    expect([await sites(), await total(3)]).toEqual([[3], 2])
    await remove('/site/3')
  })

  test.each([
    ['/site/77', 404],
    ['/site/0', 400],
    ['/site/3?sessions=burn', 400],
    ['/site/3/meter/nobody', 404],
  ])('%s is answered %i', async (path, status) => {
    expect((await remove(path)).status).toBe(status)
  })
})

test('a meter is removed when it reports no more; the site and its other meter stay', async () => {
  const finished = { meterId: 'replay', report: report({ replay: 'finished', at: iso(0) }) }
  await deliver(admin, 'acme', 4, 1, { ...finished, spoolId: 'r' })
  await deliver(admin, 'acme', 4, 0, { meterId: 'live' })
  const meters = async () =>
    (await get('sites')).sites.flatMap((s: { meters: { meterId: string }[] }) =>
      s.meters.map((m) => m.meterId),
    )
  expect((await meters()).toSorted()).toEqual(['live', 'replay'])
  const reporting = await remove('/site/4/meter/live')
  expect([reporting.status, reporting.body.code]).toEqual([409, 'meterReports'])
  expect(await tunmeter(admin, 'remove', 'meter', '4', 'replay')).toMatchObject({ code: 0 })
  expect([await meters(), await metricsOf(4), await total(4)]).toEqual([['live'], true, 1])
})

describe('an organisation', () => {
  test('goes with keys and all that is stored; another keeps its own', async () => {
    const post = async (path: string, body: object, method = 'POST') =>
      (await server.request(method, `/api/v1/${path}`, root, body)).body.data
    await post('orgs', { orgId: 'acmee' })
    await post('org/acmee/settings', { retentionDays: -1 }, 'PUT')
    const { key } = await post('org/acmee/keys', { scope: 'admin', name: 'a' })
    const ingest = (await post('org/acmee/keys', { scope: 'ingest', siteId: 1, name: 'i' })).key
    await deliver(ingest, 'acmee', 1, 5)
    await server.request('PUT', '/api/v1/org/acmee/catalog', key, {
      users: [{ userId: 'u1', name: 'Ulla' }],
    })
    const mine = await total(1)
    for (const [path, status] of [
      ['', 403],
      ['?confirm=9', 403],
    ] as const)
      expect((await remove(path, key, 'acmee')).status).toBe(status)
    const asked = await remove('', root, 'acmee')
    expect([asked.status, asked.body.data]).toEqual([409, { sessions: 5 }])
    const done = await tunmeter(root, 'remove', 'org', '--org', 'acmee', '--confirm', '5')
    expect(done).toMatchObject({ code: 0, stdout: 'organisation acmee removed with 2 keys\n' })
    expect((await deliver(ingest, 'acmee', 1, 1)).status).toBe(401)
    expect((await server.get('/api/v1/org/acmee/sites', root)).status).toBe(404)
    const trail = async () =>
      (await server.get('/api/v1/audit?event=orgRemoved', root)).body.data.audit
    await until(async () => (await trail()).length > 0)
    expect((await trail())[0].facts).toEqual({ removed: 'acmee', sessions: 5 })
    expect([await total(1), (await get('catalog')).users]).toEqual([mine, []])
  })

  test('leaves an audit trail that root keys read, and its name to nobody', async () => {
    const { audit } = await get('audit', 'acmee', root)
    expect(audit.map((e: { event: string }) => e.event)).toContain('keyCreated')
    const taken = await server.request('POST', '/api/v1/orgs', root, { orgId: 'acmee' })
    expect([taken.status, taken.body.code]).toEqual([409, 'orgRemoved'])
    const create = ['keys', 'create', '--data', server.data, '--org', 'acmee', '--create-org']
    const { code, stdout, stderr } = await run(create)
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain('an organisation "acmee" was removed')
  })
})

test('a key is removed when it is revoked; over the API and by the command', async () => {
  const made = async () => {
    const body = { scope: 'read', name: 'old' }
    const { data } = (await server.request('POST', '/api/v1/org/acme/keys', admin, body)).body
    return data.keyId as string
  }
  const [one, two] = [await made(), await made()]
  const ids = async () => (await get('keys')).keys.map((k: { keyId: string }) => k.keyId)
  expect((await remove(`/keys/${one}?forget=true`)).status).toBe(409)
  for (const id of [one, two]) await remove(`/keys/${id}`)
  expect((await remove(`/keys/${one}?forget=true`)).status).toBe(200)
  const forget = (id: string) => run(['keys', 'forget', id, '--data', server.data])
  expect(await forget(two)).toMatchObject({ code: 0, stdout: `removed ${two} (read, old)\n` })
  expect((await forget(two)).stderr).toContain('there is no key')
  expect((await ids()).filter((id: string) => id === one || id === two)).toEqual([])
})

test('all of it is in the audit trail, and erasing nobody drives no deed out of it', async () => {
  for (let i = 0; i < 3; i++)
    await server.request('POST', '/api/v1/org/acme/subject/erase', admin, {
      userId: 'nobody',
      confirm: 0,
    })
  const { audit } = await get('audit')
  const count = (event: string) => audit.filter((e: { event: string }) => e.event === event).length
  expect(['siteRemoved', 'meterRemoved', 'keyForgotten'].map(count)).toEqual([4, 1, 2])
  expect(['subjectErased', 'subjectEraseStarted'].map(count)).toEqual([0, 0])
  expect(count('subjectNotFound')).toBeGreaterThan(0)
})
