/** log, top and usage, as people run them at a terminal of 80 columns against a real server. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { batch, session } from '../support/batches.js'
import { runHere } from '../support/run-here.js'
import { TestServer } from '../support/server.js'
import { until } from '../support/until.js'
import { inZone } from '../support/zone.js'

let server: TestServer
let key: string
const CATALOG = {
  clients: [
    { clientId: 1, name: "Anna's MacBook", userId: 'anna' },
    { clientId: 2, name: "Anna's phone", userId: 'anna' },
    { clientId: 3, name: 'Büro Zürich', userId: 'ravi' },
  ],
  users: [
    { userId: 'anna', name: 'Anna Keller', email: 'anna@example.com' },
    { userId: 'ravi', name: 'Ravi Menon' },
  ],
  sites: [{ siteId: 1, name: 'Frankfurt' }],
  resources: [{ siteResourceId: 7, name: 'Orders database', destination: '192.168.10.5' }],
}
const HOUR_US = 3600e6
const nowUs = Date.now() * 1000
const hoursAgo = (hours: number) => ({
  startTimeUs: nowUs - hours * HOUR_US,
  endTimeUs: nowUs - hours * HOUR_US + 1_500_000,
})
let batches = 0

function deliver(...sessions: ReturnType<typeof session>[]) {
  const its = batch(++batches, sessions, { spoolId: 's1' })
  return server.request('POST', '/api/v1/org/acme/site/1/sessions', key, its)
}

beforeAll(async () => {
  server = await TestServer.start()
  key = await server.key({ scope: 'admin', org: 'acme', retentionDays: 90 })
  expect((await server.request('PUT', '/api/v1/org/acme/catalog', key, CATALOG)).status).toBe(200)
  const anna = { userId: 'anna' }
  const answer = await deliver(
    session(1, { ...hoursAgo(50), ...anna, clientId: 1 }),
    session(2, { ...hoursAgo(3), ...anna, clientId: 2, connState: 'REJ', bytesRx: 0 }),
    session(3, { ...hoursAgo(2), clientId: 3, userId: 'ravi', bytesRx: 1e9 }),
    session(4, { ...hoursAgo(1), clientId: null, userId: null, siteResourceId: null }),
  )
  expect(answer.status).toBe(200)
})
afterAll(() => server.stop())

function run(args: readonly string[], columns = '80') {
  return runHere([...args, '--server', server.url], {
    env: { TUNMETER_KEY: key, COLUMNS: columns },
  }).finished
}

inZone('Europe/Berlin')

describe('log', () => {
  test('80 columns hold client, resource and how it ended; the newest is last; local time is said', async () => {
    const { code, stdout, stderr } = await run(['log'])
    const lines = stdout.trimEnd().split('\n')
    expect(code).toBe(0)
    expect(lines.filter((line) => line.length > 80)).toEqual([])
    expect(lines[0]).toMatch(/^STARTED \+0\d:00 +CLIENT +RESOURCE +SENT +RECEIVED +RESULT$/)
    expect(lines[1]).toMatch(/Anna's MacBook +Orders database .* Closed$/)
    expect(lines[2]).toMatch(/Anna's phone +Orders database .* 0 B +Refused$/)
    expect(lines[3]).toMatch(/Büro Zürich +Orders database .* 1\.00 GB +Closed$/)
    expect(lines[4]).toMatch(/10\.8\.0\.2 +192\.168\.10\.5:443 .* Closed$/)
    const local = new Intl.DateTimeFormat('sv', { timeZone: 'Europe/Berlin', timeStyle: 'medium' })
    expect(lines[4]).toContain(local.format(hoursAgo(1).startTimeUs / 1e3))
    expect(stderr).toMatch(/^4 sessions of acme, local time \(\+0\d:00\)\n/)
  })

  test('in a pipe nothing is cut; as JSON a line has all fields', async () => {
    const wide = await run(['log', '--client', '3'], '')
    expect(wide.stdout).toMatch(
      /^STARTED .* CLIENT +USER +SOURCE +RESOURCE +DESTINATION .*RESULT\n/,
    )
    expect(wide.stdout).toMatch(/Büro Zürich +Ravi Menon +10\.8\.0\.2:40003/)
    const json = await run(['log', '--client', '3', '--json'])
    expect(JSON.parse(json.stdout)).toMatchObject({
      clientId: 3,
      bytesRx: 1e9,
      siteName: 'Frankfurt',
    })
    expect(json.stderr).toBe('')
  })

  test.each([
    [['--since', '24h'], 3],
    [['--since', '90m'], 1],
    [['--from', '51h', '--to', '49h'], 1],
    [['--limit', '2'], 2],
    [['--client', "anna's macbook"], 1],
    [['--client', 'ANNA'], 2],
    [['--client', 'Bu\u0308ro'], 1],
    [['--client', 'none'], 1],
    [['--client', '2', '--client', '3'], 2],
    [['--user', 'Anna Keller'], 2],
    [['--user', 'anna@example.com'], 2],
    [['--resource', 'orders database', '--site', 'frankfurt'], 3],
    [['--result', 'refused'], 1],
    [['--search', 'zürich'], 1],
    [['--filter', 'minBytes=1000000'], 1],
  ])('%j shows %d', async (args, count) => {
    const { code, stdout } = await run(['log', ...args])
    expect([code, stdout.trimEnd().split('\n').length - 1]).toEqual([0, count])
  })

  test('a saved view gives filters and range; options replace them', async () => {
    const save = (name: string, query: string) =>
      server.request('POST', '/api/v1/org/acme/views', key, { name, query })
    await save('Anna', 'clientId=1&clientId=2&range=7d&sort=-bytes')
    await save('Ravi', 'q=user:ravi')
    await save('Before', 'range=yesterday')
    await save('SSH refused', 'q=port:22&connState=REJ')
    const shown = async (...args: string[]) =>
      (await run(['log', '--json', '--view', ...args])).stdout
        .trimEnd()
        .split('\n')
        .map((line) => line && JSON.parse(line).clientId)
    expect(await shown('Anna')).toEqual([1, 2])
    expect(await shown('Anna', '--since', '24h')).toEqual([2])
    expect(await shown('Anna', '--client', '3')).toEqual([3])
    expect(await shown('Anna', '--result', 'refused')).toEqual([2])
    expect(await shown('Ravi')).toEqual([3])
    const top = await run(['top', '--view', 'Anna', '--json'])
    expect(
      JSON.parse(top.stdout)
        .groups.map(({ id }: { id: string }) => id)
        .sort(),
    ).toEqual(['1', '2'])
    const unknown = await run(['log', '--view', 'anna'])
    expect([unknown.code, unknown.stdout]).toEqual([2, ''])
    expect(unknown.stderr).toMatch(
      /no view called "anna"[\s\S]*"Anna", "Before", "Ravi", "SSH refused"/,
    )
    const endless = await run(['log', '--view', 'Before', '--follow'])
    expect(endless.stderr).toContain('--follow has no end, but the view has one')
  })

  test('a part of a name says whom it means', async () => {
    const { stderr } = await run(['log', '--client', 'anna'])
    expect(stderr).toContain(`--client "anna": Anna's MacBook, Anna's phone\n`)
    expect((await run(['log', '--client', "Anna's phone"])).stderr).not.toContain('--client')
  })

  test('nothing found says why, and is no failure', async () => {
    const { code, stdout, stderr } = await run(['log', '--search', 'nowhere'])
    expect([code, stdout]).toEqual([0, ''])
    expect(stderr).toMatch(/\w+ \w+/)
  })

  test.each([
    [['--from', 'yesteday'], /--from: "yesteday": expected a time as in 24h .*"yesterday 18:00"/],
    [['--since', '1h', '--to', '30m'], /--since means until now/],
    [['--from', 'today', '--to', 'yesterday'], /--to \S+ is not after --from \S+/],
    [['--client', 'Bob'], /--client: the catalog has no client with "Bob" in its name/],
    [['--client', ''], /--client/],
    [['--result', 'REJ'], /--result: "REJ": expected one of any, open, closed, refused/],
    [['--filter', 'x'], /--filter: "x": expected NAME=VALUE/],
    [['--follow', '--to', 'now'], /--follow has no end/],
  ])('%j is refused', async (args, message) => {
    const { code, stdout, stderr } = await run(['log', ...args])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(message)
    expect(stderr).not.toMatch(/ at .*\.js:|bug/)
  })

  test('--follow shows what comes, and an open session again when it has ended', async () => {
    const following = runHere(['log', '--follow', '--since', '30m', '--server', server.url], {
      env: { TUNMETER_KEY: key, COLUMNS: '80' },
    })
    await until(() => following.output.stderr !== '')
    const times = hoursAgo(0.01)
    await deliver(session(5, { ...times, clientId: 1, endReason: 'activeTimeout' }))
    await until(() => /Anna's MacB.* Open\n/.test(following.output.stdout))
    await deliver(session(5, { ...times, clientId: 1, connState: 'RSTR', packetsTx: 20 }))
    await until(() => /Anna's MacB.* Reset by dest\n/.test(following.output.stdout))
    process.emit('SIGINT')
    const { code, stdout } = await following.finished
    const lines = stdout.trimEnd().split('\n')
    expect([code, lines.length]).toEqual([0, 3])
    expect(lines.filter((line) => line.length > 80)).toEqual([])
  })
})

describe('top', () => {
  test('clients by bytes, with a total', async () => {
    const { code, stdout, stderr } = await run(['top', '--since', '150m'])
    expect(code).toBe(0)
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/))
    expect(lines[0]).toEqual(['CLIENT', 'SESSIONS', 'SENT', 'RECEIVED', 'SHARE'])
    expect(lines[1]).toEqual(['Büro Zürich', '1', '1.00 kB', '1.00 GB', '100 %'])
    expect(lines.at(-1)![0]).toBe('total')
    expect(stderr).toMatch(/sessions?, 0 refused, 0 without an answer/)
  })

  test('by resource, result or user, under the same filters; exact as JSON', async () => {
    const resources = await run(['top', '--by', 'resource', '--client', 'büro'])
    expect(resources.stdout).toMatch(
      /^RESOURCE .*\nOrders database +1 +1\.00 kB +1\.00 GB +100 %\n$/,
    )
    const results = await run(['top', '--by', 'result', '--sort', 'sessions', '--since', '24h'])
    expect(results.stdout).toMatch(/Refused +1 /)
    const users = await run(['top', '--by', 'user', '--since', '24h', '--limit', '1', '--json'])
    const { groups } = JSON.parse(users.stdout)
    expect(groups[0]).toMatchObject({ id: 'ravi', name: 'Ravi Menon', bytesTx: 1003, bytesRx: 1e9 })
    expect(groups[1]).toMatchObject({ other: true })
  })
})

describe('usage', () => {
  test('months by user: a table, and CSV with exact numbers', async () => {
    const { code, stdout, stderr } = await run(['usage', '--by', 'user'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^MONTH +USER +SESSIONS +SENT +RECEIVED\n/)
    expect(stdout).toMatch(/\d{4}-\d\d +Ravi Menon +1 +1\.00 kB +1\.00 GB\n/)
    expect(stderr).toMatch(/^months \d{4}-\d\d to \d{4}-\d\d, UTC\n$/)
    const csv = await run(['usage', '--by', 'user', '--csv'])
    const [header, ...rows] = csv.stdout.trimEnd().split('\r\n')
    expect(header).toBe('month,id,name,sessions,bytesTx,bytesRx')
    expect(rows.map((row) => row.slice(8))).toContain('ravi,Ravi Menon,1,1003,1000000000')
  })

  test('months are strict', async () => {
    const wrong = await run(['usage', '--from', 'November'])
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('expected a month')])
    const turned = await run(['usage', '--from', 'this month', '--to', 'last month'])
    expect([turned.code, turned.stderr]).toEqual([2, expect.stringMatching(/--to \S+ is before/)])
    const empty = await run(['usage', '--from', '2020-01', '--to', '2020-02'])
    expect(empty).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'nothing from 2020-01 to 2020-02\n',
    })
  })
})

test('log says what tunmeter completeness says of its time and sites, when something is missing', async () => {
  const admin = await server.key({ scope: 'admin', org: 'quiet', retentionDays: 90 })
  await server.key({ scope: 'ingest', org: 'quiet', site: 2 })
  const ask = (...args: string[]) =>
    runHere([...args, '--server', server.url], { env: { TUNMETER_KEY: admin } }).finished
  const { stderr } = await ask('log', '--since', '2h')
  const { code, stdout } = await ask('completeness', '--since', '2h')
  expect(code).toBe(3)
  const cause = /Site 2: [^0-9.]*/.exec(stdout)![0]
  expect(stderr).toContain(cause)
  expect((await ask('log', '--json')).stderr).toBe('')
})

test('the page for people runs as it stands', async () => {
  const page = readFileSync('docs/terminal.md', 'utf8')
  const lines = [...page.matchAll(/^tunmeter ((?:log|top|usage|completeness) .*)$/gm)].map(
    (m) => m[1]!,
  )
  expect(lines.length).toBeGreaterThan(8)
  for (const line of lines.filter((one) => !one.includes('--follow'))) {
    const [command = ''] = line.split('   #')
    const words = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map((m) => m[1] ?? m[2]!)
    const { code, stderr } = await run(words)
    expect([line, [0, 3].includes(code!) ? 'ran' : stderr]).toEqual([line, 'ran'])
  }
})

test('--follow asks for no completeness, and once only a server that does not know of it', async () => {
  const asked: string[] = []
  const earlier = createServer(async (request, response) => {
    const { searchParams } = new URL(request.url!, server.url)
    if (request.url!.includes('/logs/connection')) asked.push(searchParams.get('completeness')!)
    if (searchParams.has('completeness')) {
      const said = { success: false, error: true, message: 'unknown parameter', status: 400 }
      response.writeHead(400).end(JSON.stringify({ ...said, data: null, code: 'badRequest' }))
      return
    }
    const { authorization = '' } = request.headers
    const answer = await fetch(server.url + request.url, { headers: { authorization } })
    response.writeHead(answer.status).end(await answer.text())
  })
  await new Promise<void>((resolve) => earlier.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(earlier.address() as AddressInfo).port}`
  const following = runHere(['log', '--follow', '--since', '30m', '--server', url], {
    env: { TUNMETER_KEY: key, COLUMNS: '80' },
  })
  await until(() => following.output.stderr !== '')
  await deliver(session(6, { ...hoursAgo(0.01), clientId: 3 }))
  await until(() => /Büro Zürich/.test(following.output.stdout))
  process.emit('SIGINT')
  expect((await following.finished).code).toBe(0)
  earlier.close()
  expect(asked.filter((one) => one === 'false')).toHaveLength(1)
})
