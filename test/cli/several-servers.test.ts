/**
 * Two servers on one ClickHouse and one PostgreSQL, as processes: what either has acknowledged is there once, whatever is
 * killed; and both give the same answers, accept the same keys, and know the same changes.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Session } from '../../src/session/session.js'
import { runPrefix, sessionId } from '../../src/session/session-id.js'
import { batch, report, session } from '../support/batches.js'
import { rounds } from '../support/rounds.js'
import type { Answer, TestServer } from '../support/server.js'
import { SharedStore, whyNoSeveral } from '../support/two-servers.js'
import { until } from '../support/until.js'

const missing = whyNoSeveral()
const METERS = 3
const BATCHES = rounds(30, 120)
const OF_BATCH = 12
const STARTED_MS = Date.now() - 3600e3

/** Sessions of a batch; every third one is open, and has ended in the next batch. */
function sessionsOf(meter: number, number: number): Session[] {
  const run = runPrefix(STARTED_MS, new Uint8Array([9, 9, 9, 9, meter]))
  const one = (sequence: number, isOpen: boolean) =>
    session(sequence, {
      sessionId: sessionId(run, sequence),
      startTimeUs: STARTED_MS * 1e3 + sequence * 1000,
      endTimeUs: STARTED_MS * 1e3 + sequence * 1000 + (isOpen ? 500 : 900),
      packetsTx: isOpen ? 5 : 10,
      endReason: isOpen ? 'activeTimeout' : 'endOfFlowDetected',
    })
  const own = Array.from({ length: OF_BATCH }, (_, i) =>
    one(number * OF_BATCH + i, i % 3 === 0 && number < BATCHES),
  )
  if (number === 1) return own
  const before = Array.from({ length: OF_BATCH / 3 }, (_, i) =>
    one((number - 1) * OF_BATCH + 3 * i, false),
  )
  return [...before, ...own]
}

const batchOf = (meter: number, number: number) =>
  batch(number, sessionsOf(meter, number), {
    ...{ meterId: `meter-${meter}`, spoolId: `spool-${meter}` },
    report: report({ startedAt: new Date(STARTED_MS).toISOString() }),
  })

/** Waits until a server knows a new key; seldom asked, because wrong keys are counted. */
async function known(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(500)
}

describe.skipIf(missing !== null)(`two servers${missing === null ? '' : ` (${missing})`}`, () => {
  let shared: SharedStore
  let servers: [TestServer, TestServer]
  let admin: string
  let ingest: string
  beforeAll(async () => {
    shared = await SharedStore.start()
    admin = await shared.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
    ingest = await shared.key({ scope: 'ingest', org: 'acme', site: 1 })
    servers = [await shared.server(), await shared.server()]
  }, 300_000)
  afterAll(async () => {
    for (const server of servers ?? []) await server.stop()
    await shared?.close()
  })

  const both = (ask: (server: TestServer) => Promise<Answer>) => Promise.all(servers.map(ask))

  /** The same answer from both. @param shown leaves out what depends on the time of asking */
  async function same(path: string, shown: (data: Answer['body']) => unknown = (data) => data) {
    const [one, other] = await both((server) => server.get(path, admin))
    expect([other!.status, shown(other!.body.data)]).toEqual([200, shown(one!.body.data)])
    return one!
  }

  test('kills of both servers and both databases lose and double nothing', async () => {
    let sent = 0
    let failed = 0
    const send = async (meter: number) => {
      for (let number = 1; number <= BATCHES; number++) {
        const one = batchOf(meter, number)
        for (let at = meter + number; ; at++) {
          const answer = await servers[at % 2]!.request(
            ...(['POST', '/api/v1/org/acme/site/1/sessions', ingest, one] as const),
          ).catch(() => null)
          if (answer?.status === 200) break
          if (answer !== null)
            expect([answer.status, answer.headers.has('retry-after')]).toEqual([503, true])
          failed++
          await sleep(30)
        }
        sent++
      }
    }
    const kills = [
      () => servers[0].kill('SIGKILL').then(() => servers[0].spawn()),
      () => shared.clickhouse.kill().then(() => shared.clickhouse.start()),
      () => servers[1].kill('SIGKILL').then(() => servers[1].spawn()),
      () => shared.postgres.kill().then(() => shared.postgres.go()),
    ]
    const sending = Promise.all(Array.from({ length: METERS }, (_, i) => send(i + 1)))
    for (const [i, kill] of kills.entries()) {
      await until(() => sent >= (METERS * BATCHES * (i + 1)) / (kills.length + 1))
      await kill()
    }
    await sending
    expect(failed).toBeGreaterThan(0)

    await until(async () => (await both((s) => s.get('/readyz'))).every((a) => a.status === 200))
    const wanted = new Set(
      Array.from({ length: METERS }, (_, i) => i + 1).flatMap((meter) =>
        Array.from({ length: BATCHES }, (_, n) => sessionsOf(meter, n + 1))
          .flat()
          .map((one) => `${one.sessionId} 10`),
      ),
    )
    const path = '/api/v1/org/acme/logs/connection/export?format=ndjson&sort=startTime'
    for (const { status, body } of await both((server) => server.get(path, admin))) {
      expect(status).toBe(200)
      const lines = String(body).trim().split('\n')
      const found = lines.map((line) => {
        const row = JSON.parse(line) as { sessionId: string; packetsTx: number }
        return `${row.sessionId} ${row.packetsTx}`
      })
      expect(found.sort()).toEqual([...wanted].sort())
    }
    const sites = await same('/api/v1/org/acme/sites', ({ sites: [{ meters }] }) =>
      meters.map(({ lastBatch, gaps, report: last, lives }: Record<string, unknown>) => ({
        ...{ lastBatch, gaps, last, lives },
      })),
    )
    const { meters } = sites.body.data.sites[0]
    expect(meters.map((meter: { lastBatch: number }) => meter.lastBatch)).toEqual(
      Array(METERS).fill(BATCHES),
    )
    expect(meters.flatMap((meter: { gaps: unknown[] }) => meter.gaps)).toEqual([])
  }, 300_000)

  test('answers are the same from both', async () => {
    const iso = (ms: number) => new Date(ms).toISOString()
    const range = `timeStart=${iso(STARTED_MS - 3600e3)}&timeEnd=${iso(STARTED_MS + 60e3)}`
    const page = await same(`/api/v1/org/acme/logs/connection?${range}&limit=20`)
    expect(page.body.data.log).toHaveLength(20)
    await same(`/api/v1/org/acme/logs/connection/summary?${range}&groupBy=client&interval=hour`)
    await same(`/api/v1/org/acme/completeness?${range}`)
    await same('/api/v1/org/acme/usage')
    const audit = await same('/api/v1/org/acme/audit')
    expect(JSON.stringify(audit.body)).toContain('keyCreated')
  })

  test('a catalog that one takes is the other’s, and of two changes of one version one wins', async () => {
    const path = '/api/v1/org/acme/catalog'
    const before = await servers[0].get(path, admin)
    const put = (server: TestServer, name: string) =>
      fetch(`${server.url}${path}`, {
        method: 'PUT',
        headers: {
          ...{ authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
          'if-match': before.headers.get('etag')!,
        },
        body: JSON.stringify({
          clients: [{ clientId: 1, name }],
        }),
      })
    const answers = await Promise.all([put(servers[0], 'one'), put(servers[1], 'two')])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412])
    const winner = answers[0]!.status === 200 ? 'one' : 'two'
    await same(path)
    const page = await same('/api/v1/org/acme/logs/connection?limit=1&clientId=1', ({ log }) => log)
    expect(page.body.data.log[0].clientName).toBe(winner)
  })

  test('a key that is revoked on one is refused by the other', async () => {
    const created = await servers[0].request('POST', '/api/v1/org/acme/keys', admin, {
      ...{ scope: 'read', name: 'for a moment' },
    })
    const { key, keyId } = created.body.data
    const statusOf = async () => (await servers[1].get('/api/v1/org/acme/sites', key)).status
    await known(async () => (await statusOf()) === 200)
    const revoked = await servers[0].request('DELETE', `/api/v1/org/acme/keys/${keyId}`, admin)
    expect(revoked.status).toBe(200)
    await until(async () => (await statusOf()) === 401)
  })

  test('who signs in at one is signed in at the other', async () => {
    const signIn = await servers[0].request('POST', '/api/v1/login', undefined, { key: admin })
    const cookie = signIn.headers.get('set-cookie')!.split(';')[0]!
    const ask = async () => {
      const answer = await fetch(`${servers[1].url}/api/v1/key`, { headers: { cookie } })
      return answer.status
    }
    expect(await ask()).toBe(200)
    const out = await fetch(`${servers[1].url}/api/v1/logout`, {
      ...{ method: 'POST', headers: { cookie, 'sec-fetch-site': 'same-origin' } },
    })
    expect(out.status).toBe(200)
    expect(await ask()).toBe(401)
  })

  test('a removed site does not come back by the other server', async () => {
    const key = await shared.key({ scope: 'ingest', org: 'acme', site: 2 })
    const path = '/api/v1/org/acme/site/2/sessions'
    const one = batch(1, [session(1)], { meterId: 'gone', spoolId: 'gone' })
    await known(async () => (await servers[1].request('POST', path, key, one)).status === 200)
    const removed = await servers[0].request(
      'DELETE',
      '/api/v1/org/acme/site/2?sessions=delete&confirm=1',
      admin,
    )
    expect(removed).toMatchObject({ status: 200 })
    const late = batch(2, [session(2)], { meterId: 'gone', spoolId: 'gone' })
    expect((await servers[1].request('POST', path, key, late)).status).toBe(401)
    const left = await same('/api/v1/org/acme/logs/connection?siteId=2', ({ log }) => log)
    expect(left.body.data.log).toEqual([])
  })

  test('what several servers cannot do is refused in words', async () => {
    const root = await shared.key({ scope: 'root' })
    const backup = async () => servers[0].request('POST', '/api/v1/backup', root)
    await known(async () => (await backup()).status !== 401)
    const { status, body } = await backup()
    expect([status, body.code]).toEqual([501, 'noBackup'])
    expect(body.message).toContain('pg_dump')
  })
})
