/** `tunmeter newt-log` into a real server. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { batch, report } from '../support/batches.js'
import { start } from '../support/process.js'
import { run } from '../support/run-here.js'
import { TestServer } from '../support/server.js'
import { temporaryDirectory } from '../support/temporary.js'
import { until } from '../support/until.js'

let server: TestServer
let admin: string
let ingest: string
let orgs = 0

beforeAll(async () => {
  server = await TestServer.start()
})
afterAll(() => server.stop())

beforeEach(async () => {
  const org = `org${++orgs}`
  admin = await server.key({ scope: 'admin', org })
  ingest = await server.key({ scope: 'ingest', org, site: 1 })
  await server.request('PUT', `/api/v1/org/${org}/settings`, admin, { retentionDays: -1 })
})

interface Row {
  readonly sourceAddr: string
  readonly endReason: string
  readonly duration: number
  readonly bytesTx: number | null
  readonly siteResourceId: number
}

async function rows(): Promise<Row[]> {
  const path = `/api/v1/org/org${orgs}/logs/connection?timeStart=2000-01-01&limit=1000`
  return (await server.get(path, admin)).body.data.log
}

const AT = Date.parse('2026-01-01T00:00:00Z')
const time = (seconds: number) => new Date(AT + seconds * 1e3).toISOString().replace('.000', '')
const who = (n: number) => `resource=7 proto=udp src=100.90.128.2:${20_000 + n} dst=10.0.0.5:53`
const id = (n: number) => n.toString(16).padStart(16, '0')
const starts = (n: number) => `ACCESS START session=${id(n)} ${who(n)} time=${time(n)}\n`
const ends = (n: number) =>
  `ACCESS END (reaped) session=${id(n)} ${who(n)} started=${time(n)} ended=${time(n + 2)} duration=2s\n`

const to = () => ['--to', server.url, '--key', ingest]
const newtLog = (input: string, ...args: string[]) =>
  run(['newt-log', ...to(), ...args], { input: Buffer.from(input) })

test.each([
  [['newt-log'], '--to URL is required'],
  [['newt-log', '--to', 'http://127.0.0.1:1', '--key', 'k', '--follow'], '--follow is for a FILE'],
])('%j is refused: %s', async (args, says) => {
  const { code, stderr } = await run(args)
  expect(stderr).toContain(says)
  expect(code).toBe(2)
})

test('a file that is not there is said', async () => {
  const { code, stderr } = await newtLog('', '/nowhere/newt.log')
  expect(stderr).toContain('cannot read /nowhere/newt.log: ENOENT')
  expect(code).toBe(1)
})

test('a file in the place of a directory is said', async () => {
  const { code, stderr } = await newtLog('', '/dev/null/newt.log')
  expect(stderr).toContain('cannot read /dev/null/newt.log: ENOTDIR')
  expect(code).toBe(1)
})

test('a named pipe is said to be one, with what to do: it has no positions to read from', async () => {
  const path = join(temporaryDirectory(), 'fifo')
  execFileSync('mkfifo', [path])
  const { code, stderr } = await newtLog('', path)
  expect([code, stderr]).toEqual([2, expect.stringContaining(`newt-log … <${path}`)])
})

test('a pipe: ended sessions are stored without bytes, and read again they are stored once', async () => {
  const log = `Newt version 1.9.0\n${starts(1)}${ends(1)}${starts(2)}noise\n${ends(3)}`
  const first = await newtLog(log)
  expect([first.code, first.stderr]).toEqual([
    0,
    `2 sessions delivered for site 1 of org${orgs}; 1 have not ended in this log\n`,
  ])
  const found = await rows()
  expect(found).toHaveLength(2)
  for (const row of found)
    expect(row).toMatchObject({
      siteResourceId: 7,
      destAddr: '10.0.0.5:53',
      duration: 2,
      endReason: 'idleTimeout',
      bytesTx: null,
      bytesRx: null,
      meterId: 'newt',
    })
  // The reader starts again, earlier; by then the second has ended.
  await newtLog(`${log}${ends(2)}`)
  expect(await rows()).toHaveLength(3)
})

test('journald’s JSON, with a Newt that was killed: its sessions end as it did', async () => {
  const json = (text: string) => `${JSON.stringify({ MESSAGE: text.trimEnd(), _PID: '7' })}\n`
  const log = [starts(1), ends(3), 'Newt version 1.9.0\n', starts(4), ends(4)].map(json).join('')
  const { code, stderr } = await newtLog(log, '-')
  expect(code).toBe(0)
  expect(stderr).toContain('3 sessions delivered')
  expect(stderr).toContain('1 were cut off by a restart of Newt')
  const cut = (await rows()).find((row) => row.sourceAddr.endsWith(':20001'))
  // From its start, second 1, to the latest time before: second 5.
  expect(cut).toMatchObject({ endReason: 'forcedEnd', duration: 4 })
})

test('a followed file goes on when it grows, and when another one takes its place', async () => {
  const path = join(temporaryDirectory(), 'newt.log')
  writeFileSync(path, ends(1))
  const child = start(['newt-log', ...to(), '--follow', path])
  await until(async () => (await rows()).length === 1)
  appendFileSync(path, ends(2).slice(0, 40))
  appendFileSync(path, ends(2).slice(40))
  await until(async () => (await rows()).length === 2)
  renameSync(path, `${path}.1`)
  writeFileSync(path, ends(3))
  await until(async () => (await rows()).length === 3)
  child.child.kill('SIGTERM')
  const { code, stderr } = await child.finished
  expect([code, stderr]).toEqual([0, `3 sessions delivered for site 1 of org${orgs}\n`])
})

test('lines that still go to a file that was moved away are read, and half a line ends there', async () => {
  const path = join(temporaryDirectory(), 'newt.log')
  writeFileSync(path, ends(1))
  const child = start(['newt-log', ...to(), '--follow', path])
  await until(async () => (await rows()).length === 1)
  renameSync(path, `${path}.1`)
  writeFileSync(path, '')
  // Longer than the command takes to see that there is a new file.
  for (const n of [2, 3]) {
    appendFileSync(`${path}.1`, ends(n))
    await until(async () => (await rows()).length === n)
  }
  appendFileSync(`${path}.1`, ends(4).slice(0, 30))
  writeFileSync(path, ends(5))
  await until(async () => (await rows()).length === 4)
  writeFileSync(path, ends(6).slice(0, 50))
  await until(async () => child.output.stderr.includes('a line cannot be read'))
  child.child.kill('SIGTERM')
  const { stderr } = await child.finished
  expect(stderr).toContain('4 sessions delivered')
})

test('a new file that this user may not read is said once, and followed when it can be read', async () => {
  const path = join(temporaryDirectory(), 'newt.log')
  writeFileSync(path, ends(1))
  const child = start(['newt-log', ...to(), '--follow', path])
  await until(async () => (await rows()).length === 1)
  renameSync(path, `${path}.1`)
  // Nobody can read it, root neither.
  symlinkSync('/sys/bus/platform/drivers_probe', path)
  await until(() => child.output.stderr.includes(`cannot follow ${path} any further: EACCES`))
  appendFileSync(`${path}.1`, ends(2))
  await until(async () => (await rows()).length === 2)
  rmSync(path)
  writeFileSync(path, ends(3))
  await until(async () => (await rows()).length === 3)
  child.child.kill('SIGTERM')
  const { code, stderr } = await child.finished
  expect([code, stderr.split('\n').length, stderr]).toEqual([
    0,
    3,
    expect.stringContaining('3 sessions delivered'),
  ])
})

describe('the rules of the catalog', () => {
  const put = (catalog: object) =>
    server.request('PUT', `/api/v1/org/org${orgs}/catalog`, admin, catalog)
  const client = { clientId: 4, name: 'Laptop', addresses: ['100.90.128.2'] }
  const resource = { siteResourceId: 7, name: 'DNS', destination: '10.0.0.5' }
  const lists = { clients: [], users: [], sites: [], resources: [] }

  test.each([
    [
      'a resource, by the number in the log',
      { resources: [{ ...resource, destination: '10.9.9.9', log: 'off' }] },
    ],
    ['a resource, by its address', { resources: [{ ...resource, siteResourceId: 8, log: 'off' }] }],
    ['a client, by its address', { clients: [{ ...client, log: 'off' }] }],
    ['a prefix', { prefixes: [{ prefix: '10.0.0.0/8', name: 'All', log: 'off' }] }],
  ])('off: nothing of %s is sent', async (_, rules) => {
    await put({ ...lists, ...rules })
    const { code, stderr } = await newtLog(`${ends(1)}${ends(2)}`)
    expect([code, stderr]).toEqual([
      0,
      `0 sessions delivered for site 1 of org${orgs}; 2 left out by the rules of the catalog\n`,
    ])
    expect(await rows()).toEqual([])
  })

  test('fields: the client’s address and port are hidden', async () => {
    const fields = { address: 'truncate', port: 'drop' }
    await put({ ...lists, resources: [{ ...resource, fields }] })
    await newtLog(ends(1))
    expect(await rows()).toMatchObject([{ sourceAddr: '100.90.128.0', destAddr: '10.0.0.5:53' }])
  })

  test('counts: sums of the hour without addresses, once, however often the log is read', async () => {
    await put({ ...lists, resources: [{ ...resource, log: 'counts' }] })
    for (let again = 0; again < 2; again++) await newtLog(`${ends(1)}${ends(2)}`)
    const sum = {
      sourceAddr: '0.0.0.0',
      destAddr: '0.0.0.0',
      siteResourceId: 7,
    }
    expect(await rows()).toMatchObject([sum, sum])
    const path = `/api/v1/org/org${orgs}/logs/connection?timeStart=2000-01-01`
    const [row] = (await server.get(path, admin)).body.data.log
    expect(row).toMatchObject({
      connectionCount: 1,
      startTime: '2026-01-01T00:00:00.000000Z',
      endTime: '2026-01-01T00:59:59.999999Z',
    })
  })
})

test('a site that only Newt’s log feeds is never complete, also when its key is gone', async () => {
  const org = `/api/v1/org/org${orgs}`
  // Another site is complete in that time.
  const its = report({ startedAt: time(-60), at: time(600) })
  const one = batch(1, [], { spoolId: 's', report: its })
  await server.request('POST', `${org}/site/2/sessions`, admin, one)
  expect((await newtLog(starts(1) + ends(1))).code).toBe(0)
  const range = ['--from', time(-30), '--to', time(60)]
  const asked = ['--server', server.url, '--key', admin, ...range]
  const said = async () => {
    const { code, stdout } = await run(['completeness', ...asked])
    const exported = await run(['export', ...asked, '--require-complete'])
    return [code, stdout.split('\n')[0], exported.code, exported.stdout]
  }
  const first = await said()
  expect(first).toEqual([3, expect.stringContaining('Site 1: no meter has ever reported'), 3, ''])
  for (const key of (await server.get(`${org}/keys`, admin)).body.data.keys)
    if (key.siteId === 1) await server.request('DELETE', `${org}/keys/${key.keyId}`, admin)
  expect(await said()).toEqual(first)
  // Beside what it sent, nothing is expected of the site.
  const beside = await run([
    'completeness',
    ...asked.slice(0, 4),
    '--from',
    time(120),
    '--to',
    time(180),
  ])
  expect(beside.stdout).toMatch(/Site 2 is complete/)
})

test('while the server is away it waits; nothing is lost, also over many requests', async () => {
  const child = start(['newt-log', ...to(), '-'], {
    input: Buffer.from([...Array(2500).keys()].map(ends).join('')),
  })
  await server.kill('SIGKILL')
  await until(() => child.output.stderr !== '' || child.child.exitCode !== null)
  await server.spawn()
  expect((await child.finished).code, child.output.stderr).toBe(0)
  const path = `/api/v1/org/org${orgs}/logs/connection?timeStart=2000-01-01&limit=1`
  expect((await server.get(path, admin)).body.data.pagination.total).toBe(2500)
})

test('a signal with the server away ends it within --drain-timeout, and says what is not there', async () => {
  const child = start(
    [...['newt-log', '--to', 'http://127.0.0.1:1', '--key', 'k'], '--drain-timeout', '100ms', '-'],
    { input: Buffer.from(ends(1)) },
  )
  await until(() => child.output.stderr.includes('trying again'))
  child.child.kill('SIGTERM')
  const { code, stderr } = await child.finished
  expect(stderr).toContain('0 sessions delivered; 1 NOT delivered: read the log again')
  expect(code).toBe(1)
})

test('a key that is none ends it, with what to do', async () => {
  const { code, stderr } = await run(['newt-log', '--to', server.url, '--key', 'tm_ingest_none'], {
    input: Buffer.from(ends(1)),
  })
  expect(code).toBe(1)
  expect(stderr).toContain('the server does not accept the sessions: HTTP 401')
  expect(stderr).toContain('read the log again')
})
