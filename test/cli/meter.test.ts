import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { listenDatagrams } from '../support/datagrams.js'
import { envelope } from '../support/fake-server.js'
import { canCapture, live, sessions } from '../support/live-meter.js'
import { ROOT, run as runProcess, start } from '../support/process.js'
import { run } from '../support/run-here.js'
import { temporaryDirectory } from '../support/temporary.js'
import { until } from '../support/until.js'

describe.skipIf(!canCapture)('a running meter (needs root to capture)', () => {
  test('delivers a session when it has ended', async () => {
    const { server, dial } = await live()
    ;(await dial()).end()
    await until(() => sessions(server).length > 0)
    expect(sessions(server)[0]).toMatchObject({
      sourceIp: '127.0.0.1',
      connState: 'SF',
      endReason: 'endOfFlowDetected',
      payloadTx: 5,
      payloadRx: 5,
    })
  })

  test('SIGTERM ends open sessions and delivers them before it exits', async () => {
    const { server, meter, dial } = await live()
    await dial()
    meter.child.kill('SIGTERM')
    expect((await meter.finished).code).toBe(0)
    expect(sessions(server)).toMatchObject([{ endReason: 'forcedEnd', payloadTx: 5 }])
    expect(meter.output.stderr).toContain('stopped; everything is stored')
  })

  test('with the server away it ends within --drain-timeout, and the next start delivers', async () => {
    const { server, meter, spool, dial } = await live(['--drain-timeout', '200ms'])
    server.misbehave = () => true
    await dial()
    meter.child.kill('SIGINT')
    expect((await meter.finished).code).toBe(0)
    expect(meter.output.stderr).toContain('the rest is in the spool')
    server.misbehave = () => false
    const args = ['meter', '--interface', 'lo', '--filter', 'port 1', '--to', server.url]
    const again = start([...args, '--key', 'k', '--spool', spool])
    await until(() => sessions(server).length > 0)
    expect(sessions(server)).toMatchObject([{ endReason: 'forcedEnd' }])
    again.child.kill('SIGTERM')
    expect((await again.finished).code).toBe(0)
  })

  test('a second signal ends it at once, with everything in the spool, however soon it comes', async () => {
    const { server, meter, spool, dial } = await live(['--drain-timeout', '1h'])
    server.misbehave = () => true
    await dial()
    // Again and again: two that are pending become one, and each moment of the stop is met. No exit code is asked for:
    // what comes after the last of its work may still kill the process.
    const signals = setInterval(() => meter.child.kill('SIGTERM'), 1)
    await meter.finished
    clearInterval(signals)
    expect(meter.output.stderr).toContain('stopped; the rest is in the spool')
    const { stdout } = await run(['spool', 'ls', '--spool', spool, '--json'])
    const waiting = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { sessions: number }).sessions)
    expect(waiting.reduce((a, b) => a + b, 0)).toBe(1)
  })

  test('a server that takes the request for the catalog and is silent keeps neither losses nor the end waiting', async () => {
    const { server, meter, dial } = await live(['--report-interval', '1s'])
    server.catalogHangs = true
    await until(() => [...server.paths].some((path) => path.endsWith('/catalog')))
    meter.child.kill('SIGHUP')
    // It goes on: a report every second.
    const { length } = server.asked
    await until(() => server.asked.length >= length + 2)
    await dial()
    meter.child.kill('SIGTERM')
    expect((await meter.finished).code).toBe(0)
    expect(sessions(server)).toMatchObject([{ endReason: 'forcedEnd' }])
  })

  test('the time between a kill and the next start is a gap, with the bytes that passed', async () => {
    const { server, meter, spool, port, dial } = await live()
    const socket = await dial()
    const noted = () => readdirSync(spool).filter((name) => name.startsWith('ran.'))
    await until(() =>
      noted().some((name) => readFileSync(join(spool, name), 'utf8').endsWith('\n')),
    )
    meter.child.kill('SIGKILL')
    await meter.finished
    const bytes = 100_000
    let echoed = 0
    socket.on('data', (chunk) => {
      echoed += chunk.length
    })
    socket.write(Buffer.alloc(bytes))
    await until(() => echoed === bytes)
    const args = ['meter', '--interface', 'lo', '--filter', `port ${port}`, '--to', server.url]
    const again = start([...args, '--key', 'k', '--spool', spool])
    const gaps = () => [...server.stored.values()].flatMap((batch) => batch.gaps)
    await until(() => gaps().length > 0)
    const [gap] = gaps()
    expect(gap).toMatchObject({ reason: 'unmetered', interface: 'lo', sessions: 0 })
    // Loopback counts a packet when it is sent and when it is received.
    expect(gap!.bytes).toBeGreaterThanOrEqual(4 * bytes)
    expect(again.output.stderr).toContain('not metered since the last run')
    again.child.kill('SIGTERM')
    await again.finished
  })

  test('doctor says when two meters read one interface', async () => {
    const first = await live()
    const doctor = async (): Promise<string> =>
      (await run(['doctor', '--interface', 'lo', '--seconds', '0', '--json'])).stdout
    // Others of this machine may read it, too.
    const pid = String(first.meter.child.pid)
    expect(await doctor()).toContain(pid)
    const second = await live()
    const found = await doctor()
    expect(found).toMatch(/\d+ meters read lo/)
    expect(found).toContain(pid)
    expect(found).toContain(String(second.meter.child.pid))
  })

  test('SIGHUP reads the key file again', async () => {
    const file = join(temporaryDirectory(), 'key')
    writeFileSync(file, 'old', { mode: 0o600 })
    // Root's own file: another user could not read it again.
    const { server, meter } = await live(['--user', 'root'], { key: ['--key-file', file] })
    const keys = new Set<string>()
    server.misbehave = ({ headers, response }) => {
      keys.add(String(headers.authorization))
      if (headers.authorization === 'Bearer new') return false
      envelope(response, 401, null)
      return true
    }
    server.key = { status: 401, data: {} }
    await until(() => meter.output.stderr.includes('denied') || server.stored.size > 0)
    server.key = { status: 200, data: { scope: 'ingest', orgId: 'acme', siteId: 3 } }
    writeFileSync(file, 'new\n')
    chmodSync(file, 0o600)
    meter.child.kill('SIGHUP')
    await until(() => keys.has('Bearer new') || server.stored.size > 0)
    expect(meter.child.exitCode).toBeNull()
    expect(meter.output.stderr).not.toContain('Bearer')
  })

  test('a catalog that changes is read again, one that is broken is not', async () => {
    const catalog = join(temporaryDirectory(), 'catalog.yaml')
    const client = (clientId: number): string =>
      `clients: [{ clientId: ${clientId}, name: me, addresses: [127.0.0.1] }]\n`
    writeFileSync(catalog, client(1))
    const { server, meter, dial } = await live(['--catalog', catalog, '--user', 'root'])
    ;(await dial()).end()
    await until(() => sessions(server).length > 0)
    writeFileSync(catalog, 'clients: nonsense\n')
    meter.child.kill('SIGHUP')
    await until(() => meter.output.stderr.includes('keeping the last one'))
    writeFileSync(catalog, client(2))
    await until(() => meter.output.stderr.includes('catalog reloaded'))
    // The new one holds for sessions that open from the next reading of the interface on, 100 ms later at most.
    const clients = (): unknown[] => [...new Set(sessions(server).map((s) => s.clientId))]
    await until(async () => {
      ;(await dial()).end()
      return clients().length > 1
    })
    expect(clients()).toEqual([1, 2])
  })

  test('serves every metric that the documentation explains, and no other', async () => {
    const { meter, dial } = await live(['--metrics-listen', '127.0.0.1:0'])
    ;(await dial()).end()
    await until(() => meter.output.stderr.includes('metrics'))
    const url = /"url":"(http:[^"]+)"/.exec(meter.output.stderr)![1]!
    const text = await (await fetch(url)).text()
    const served = [...text.matchAll(/^# TYPE (\S+)/gm)].map((m) => m[1]!)
    const own = served.filter((n) => n.startsWith('tunmeter_')).sort()
    const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
    const always = page.slice(0, page.indexOf('### Figures of clients and resources'))
    const documented = [...always.matchAll(/^\| `(tunmeter_[a-z_]+)` \|/gm)].map((m) => m[1]!)
    expect(own).toEqual(documented.sort())
    expect(own.filter((n) => n.startsWith('tunmeter_server_'))).toEqual([]) // the server's
    expect(text).toMatch(/^tunmeter_packets_total\{interface="lo"\} \d/m)
  })

  test('serves figures of chosen clients and resources, as the catalog names them', async () => {
    const catalog = join(temporaryDirectory(), 'catalog.yaml')
    writeFileSync(
      catalog,
      `clients: [{ clientId: 1, name: me, addresses: [127.0.0.1] }]
resources: [{ siteResourceId: 2, name: echo, destination: 127.0.0.1 }]
`,
    )
    const { server, meter, dial } = await live([
      ...['--catalog', catalog, '--user', 'root', '--metrics-listen', '127.0.0.1:0'],
      ...['--metrics-clients', 'ME', '--metrics-resources', 'ec*'],
    ])
    ;(await dial()).end()
    await until(() => sessions(server).some((s) => s.endReason !== 'activeTimeout'))
    const ended = sessions(server).filter((s) => s.endReason !== 'activeTimeout')
    const url = /"url":"(http:[^"]+)"/.exec(meter.output.stderr)![1]!
    const text = await (await fetch(url)).text()
    const labels = 'client="1",name="me"'
    expect(text).toContain(`tunmeter_client_sessions_total{${labels}} ${ended.length}\n`)
    const tx = ended.reduce((sum, { bytesTx }) => sum + bytesTx, 0)
    expect(text).toContain(`tunmeter_client_bytes_total{${labels},direction="tx"} ${tx}\n`)
    expect(text).toContain(
      `tunmeter_resource_sessions_total{resource="2",name="echo"} ${ended.length}\n`,
    )
  })

  test('tells systemd that it is ready, alive and stopping', async () => {
    const directory = temporaryDirectory()
    // As /run/systemd: the meter is not root when it sends.
    chmodSync(directory, 0o755)
    const path = join(directory, 'notify')
    const heard = listenDatagrams(path)
    await until(() => heard.text.includes('listening'))
    const { meter } = await live([], { env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: '100000' } })
    await until(() => (heard.text.match(/WATCHDOG=1/g) ?? []).length >= 3)
    await until(() => heard.text.includes('READY=1'))
    meter.child.kill('SIGTERM')
    await meter.finished
    await until(() => heard.text.includes('STOPPING=1'))
  })
})

describe('a meter that cannot start', () => {
  const server = ['--to', 'http://127.0.0.1:1', '--key', 'k']
  const LO = ['--interface', 'lo']
  test.each<[string, string[], number, RegExp]>([
    ['no interface', server, 2, /--interface IF is required/],
    ['not there', ['--interface', 'nope0', ...server], 1, /no interface "nope0"; there are: .*lo/],
    ['no server', ['--interface', 'lo', '--key', 'k'], 2, /--to URL is required/],
    ['no key', ['--interface', 'lo', '--to', 'http://127.0.0.1:1'], 2, /there is no key/],
    ['a key in clear', [...LO, '--to', 'http://192.0.2.1', '--key', 'k'], 2, /--allow-plain-http/],
    ['a misspelt option', ['--interfaces', 'lo'], 2, /--interface/],
  ])('%s', async (_, args, exitCode, message) => {
    const { code, stderr } = await runProcess(['meter', ...args])
    expect(stderr).toMatch(message)
    expect(code).toBe(exitCode)
  })

  test.skipIf(!canCapture)('a filter that is none (needs root to capture)', async () => {
    const spool = temporaryDirectory()
    const args = ['--interface', 'lo', '--filter', 'port of call', '--spool', spool]
    const { code, stderr } = await runProcess(['meter', ...args, ...server])
    expect(stderr).toMatch(/the filter "port of call" is wrong.*\n.*Correct --filter/)
    expect(stderr).not.toContain('CAP_NET_RAW:')
    expect(code).toBe(2)
  })

  test('a spool that is a file', async () => {
    const args = ['--interface', 'lo', '--spool', `${ROOT}package.json`]
    const { code, stderr } = await runProcess(['meter', ...args, ...server])
    expect(stderr).toMatch(
      /cannot use the spool directory: package\.json .* is not a directory\n.*--spool DIR/,
    )
    expect([code, stderr.includes('bug')]).toEqual([2, false])
  })
})
