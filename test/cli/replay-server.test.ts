/** A capture file into a real server: while it stores nothing, after it does, and how the site looks then. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { pcapFile } from '../support/capture-files.js'
import { FLAG, ipv4, tcp } from '../support/packets.js'
import { ROOT } from '../support/process.js'
import { run } from '../support/run-here.js'
import { TestServer } from '../support/server.js'
import { temporaryDirectory } from '../support/temporary.js'

const DEMO = `${ROOT}fixtures/demo/site.pcap`

let server: TestServer
let admin: string
let ingest: string
let orgs = 0
let org: string

beforeAll(async () => {
  server = await TestServer.start()
})
afterAll(() => server.stop())

beforeEach(async () => {
  org = `org${++orgs}`
  admin = await server.key({ scope: 'admin', org })
  ingest = await server.key({ scope: 'ingest', org, site: 1 })
})

const path = (rest: string) => `/api/v1/org/${org}/${rest}`
const retention = (retentionDays: number) =>
  server.request('PUT', path('settings'), admin, { retentionDays })
const replay = (...more: string[]) =>
  run(['replay', DEMO, '--to', server.url, '--key', ingest, ...more])
async function total(): Promise<number> {
  const { body } = await server.get(path('logs/connection?timeStart=2000-01-01&limit=1'), admin)
  return body.data.pagination.total as number
}
async function site() {
  return (await server.get(path('sites'), admin)).body.data.sites[0]
}

test.each([
  ['its own spool', false],
  ['a spool that is kept', true],
])('with %s: refused while nothing is stored, and imported after', async (_name, kept) => {
  const spool = kept ? ['--spool', join(temporaryDirectory(), 'spool')] : []
  const off = await replay(...spool)
  expect(off.code).toBe(1)
  expect(off.stderr).toMatch(
    /not all sessions are stored: the retention is 0 days: nothing is stored.*Set the retention/s,
  )
  const { notice } = (await server.get(path('logs/connection'), admin)).body.data
  expect(notice.code).toBe('retentionOff')
  expect((await site()).status).toBe('neverReported')
  await retention(-1)
  const on = await replay(...spool)
  expect([on.code, on.stderr]).toEqual([0, `192 sessions stored for site 1 of ${org}\n`])
  expect(await total()).toBe(192)
  const again = await replay()
  expect(again.stderr).toContain('1 of 1 batches were there')
  expect(await total()).toBe(192)
})

test('a finished replay is finished, not silent', async () => {
  await retention(-1)
  await replay('--batch-sessions', '96')
  const { status, meters } = await site()
  expect(status).toBe('finished')
  expect(meters).toMatchObject([
    { status: 'finished', problems: [], report: { replay: 'finished' } },
  ])
})

test('sessions older than the retention are refused, and the empty log says so', async () => {
  await retention(30)
  const file = join(temporaryDirectory(), 'old.pcap')
  const syn = ipv4(
    { from: '10.8.0.2', to: '10.0.0.9', protocol: 6 },
    tcp({ from: 40000, to: 443, flags: FLAG.syn }),
  )
  const seconds = Math.floor(Date.now() / 1e3) - 40 * 86400
  writeFileSync(file, pcapFile([{ seconds, data: Uint8Array.from(syn) }]))
  const { code, stderr } = await run(['replay', file, '--to', server.url, '--key', ingest])
  expect([code, stderr]).toEqual([
    1,
    `0 sessions stored for site 1 of ${org}; 1 sessions REFUSED\n`,
  ])
  const { notice } = (await server.get(path('logs/connection'), admin)).body.data
  expect(notice).toMatchObject({
    code: 'nothingKept',
    message: expect.stringContaining('ended before the retention of 30 days began'),
  })
})
