/** The HTTP path with a real process and a real database file: ingest, query, export, restart. */
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { batch, report, session } from '../../support/batches.js'
import { TestServer } from '../../support/server.js'

let server: TestServer
let admin: string
let ingest: string

beforeAll(async () => {
  server = await TestServer.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  ingest = await server.key({ scope: 'ingest', org: 'acme', site: 1 })
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

test('another batch under a known identity is refused with 409, and a spool with an id of its own is not', async () => {
  const send = (spoolId: string, sequence: number) =>
    server.request('POST', SESSIONS, ingest, {
      ...batch(1, [session(sequence)], { meterId: 'restored' }),
      spoolId,
    })
  expect((await send('a', 100)).status).toBe(200)
  const other = await send('a', 101)
  expect([other.status, other.body.code]).toEqual([409, 'batchConflict'])
  expect(other.body.message).toMatch(/batch 1 of the meter restored/)
  expect((await send('b', 101)).body.data).toMatchObject({ stored: 1, repeated: false })
  const { body: text } = await server.get('/metrics')
  expect(text).toContain('tunmeter_server_batches_total{result="conflict"} 1')
})

test('two spools that report at the same time are said', async () => {
  // The clock of one of them is a day behind.
  const reportOf = (daysAgo: number) => {
    const at = new Date(Date.now() - daysAgo * 86400e3)
    return report({ startedAt: new Date(at.getTime() - 60e3).toISOString(), at: at.toISOString() })
  }
  for (const number of [1, 2])
    for (const [daysAgo, spoolId] of ['a1', 'b2'].entries()) {
      const body = batch(number, [], { meterId: 'twice', report: reportOf(daysAgo) })
      await server.request('POST', SESSIONS, ingest, { ...body, spoolId })
    }
  const { body } = await server.get('/api/v1/org/acme/sites', admin)
  const meters = body.data.sites[0].meters as {
    meterId: string
    problems: { code: string; message: string; count: number; ids: string[] }[]
  }[]
  const [problem] = meters.find((m) => m.meterId === 'twice')!.problems
  expect(problem).toMatchObject({ code: 'idInUse', count: 2 })
  expect(new Set(problem!.ids)).toEqual(new Set(['a1', 'b2']))
  expect(problem!.message).toMatch(
    /^2 meters use the id twice at the same time \(spools (a1, b2|b2, a1)\)/,
  )
  const { body: text } = await server.get('/metrics')
  expect(text).toContain('tunmeter_server_two_lives_batches_total 1')
})

test('two meters on one interface are said, with what the first run watches since', async () => {
  const watchingSince = '2026-11-20T00:00:00.000Z'
  for (const [meterId, place] of [
    ['left', 'p1'],
    ['right', 'p1'],
    ['elsewhere', 'p2'],
  ] as const) {
    const body = batch(1, [], { meterId, report: report({ places: [place], watchingSince }) })
    await server.request('POST', SESSIONS, ingest, { ...body, spoolId: meterId })
  }
  const { body } = await server.get('/api/v1/org/acme/sites', admin)
  const meters = body.data.sites[0].meters as {
    meterId: string
    problems: { code: string; message: string; ids: string[] }[]
    report: { watchingSince: string }
  }[]
  const of = (id: string) => meters.find((m) => m.meterId === id)!
  expect(of('left').problems).toMatchObject([{ code: 'interfaceShared', ids: ['right'] }])
  expect(of('right').problems).toMatchObject([{ code: 'interfaceShared', ids: ['left'] }])
  expect(of('elsewhere').problems).toEqual([])
  expect(of('left').report.watchingSince).toBe(watchingSince)
})
