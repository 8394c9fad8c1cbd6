/**
 * `replay --ipfix`, `meter --ipfix` and `export --ipfix` read back by programs that people have: ipfixDump and tshark
 * (file; over TLS by way of openssl), nfcapd with nfdump, nfacctd (UDP).
 */
import { execFileSync, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Authority } from '../support/certificates.js'
import { ROOT, run, start } from '../support/process.js'
import { TestServer } from '../support/server.js'
import { freePort } from '../support/syslog-daemons.js'
import { temporaryDirectory } from '../support/temporary.js'
import { until } from '../support/until.js'

const CAPTURE = `${ROOT}fixtures/demo/site.pcap`

interface Row {
  readonly startTime: string
  readonly bytesTx: number
  readonly bytesRx: number
  readonly packetsTx: number
  readonly packetsRx: number
  readonly payloadTx: number
}

/** The capture to `place`, and its rows as the program itself prints them. */
async function replayed(place: string, ...more: string[]): Promise<readonly Row[]> {
  const output = join(temporaryDirectory(), 'rows.ndjson')
  const { code, stderr } = await run([
    'replay',
    CAPTURE,
    '--ipfix',
    place,
    ...more,
    '--format',
    'ndjson',
    '--output',
    output,
  ])
  expect(code, stderr).toBe(0)
  const rows = rowsIn(output)
  expect(rows).toHaveLength(192)
  return rows
}

function rowsIn(file: string): readonly Row[] {
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return lines.map((line) => JSON.parse(line) as Row)
}

const sum = (rows: readonly Row[], name: keyof Omit<Row, 'startTime'>) =>
  rows.reduce((total, row) => total + row[name], 0)

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  await new Promise<void>((resolve) => void socket.close(() => resolve()))
  return port
}

/** A collector, once it listens; ended by `signal`. */
async function collector(
  command: string,
  args: readonly string[],
  port: number,
  signal: NodeJS.Signals,
): Promise<() => Promise<void>> {
  const child = spawn(command, args, { stdio: 'ignore' })
  const closed = once(child, 'close')
  onTestFinished(() => void child.kill('SIGKILL'))
  const own = `:${port.toString(16).toUpperCase().padStart(4, '0')} `
  await until(() => readFileSync('/proc/net/udp', 'utf8').includes(own) || child.exitCode !== null)
  expect(child.exitCode).toBeNull()
  return async () => {
    child.kill(signal)
    await closed
  }
}

/** What ipfixDump finds in a file, by the element's name. */
function dumped(file: string): (name: string) => readonly number[] {
  const text = execFileSync('ipfixDump', ['--in', file], { encoding: 'utf8', maxBuffer: 2 ** 26 })
  return (name) =>
    [...text.matchAll(new RegExp(`\\) +${name} : (\\d+)`, 'g'))].map((m) => Number(m[1]))
}

/** The order is that of the rows only where `inOrder`. */
function sameCounts(file: string, rows: readonly Row[], inOrder = true): void {
  const values = dumped(file)
  const ordered = (list: readonly number[]) =>
    inOrder ? list : list.toSorted((one, other) => one - other)
  for (const [name, field] of [
    ['octetDeltaCount', 'bytesTx'],
    ['reverseOctetDeltaCount', 'bytesRx'],
    ['packetDeltaCount', 'packetsTx'],
    ['reversePacketDeltaCount', 'packetsRx'],
    ['initiatorOctets', 'payloadTx'],
  ] as const)
    expect([name, ordered(values(name))]).toEqual([name, ordered(rows.map((row) => row[field]))])
}

test('ipfixDump reads the file: every record, with both directions', async () => {
  const file = join(temporaryDirectory(), 'site.ipfix')
  sameCounts(file, await replayed(file))
})

test('a receiver over TLS gets the same: openssl takes the stream, ipfixDump reads it', async () => {
  const directory = temporaryDirectory()
  const authority = new Authority(directory)
  authority.issue('collector', 'DNS:localhost')
  const port = await freePort()
  const file = join(directory, 'received.ipfix')
  const own = ['-cert', `${directory}/collector.pem`, '-key', `${directory}/collector.key`]
  const args = ['s_server', '-accept', `127.0.0.1:${port}`, ...own, '-quiet', '-naccept', '1']
  // With standard input at its end it would close the connection.
  const receiver = spawn('openssl', args, { stdio: ['pipe', openSync(file, 'w'), 'ignore'] })
  const closed = once(receiver, 'close')
  onTestFinished(() => void receiver.kill('SIGKILL'))
  const listening = `:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`
  await until(() => readFileSync('/proc/net/tcp', 'utf8').includes(listening))
  const rows = await replayed(`tls://localhost:${port}`, '--ipfix-ca-file', `${directory}/ca.pem`)
  await closed
  sameCounts(file, rows)
})

test('ipfixDump reads what a server exports: the sessions that it has, with both directions', async () => {
  const server = await TestServer.start()
  onTestFinished(() => server.stop())
  const admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  const ingest = await server.key({ scope: 'ingest', org: 'acme', site: 1 })
  const sent = ['replay', CAPTURE, '--shift-to-now', '--to', server.url, '--key', ingest]
  expect((await run(sent)).code).toBe(0)
  const directory = temporaryDirectory()
  const exported = async (...place: string[]) => {
    const asked = ['export', '--server', server.url, '--key', admin, ...place]
    const { code, stderr } = await run(asked)
    expect(code, stderr).toBe(0)
  }
  const [file, lines] = [join(directory, 'all.ipfix'), join(directory, 'all.ndjson')]
  await exported('--ipfix', file)
  await exported('--format', 'ndjson', '--output', lines)
  const rows = rowsIn(lines)
  expect(rows).toHaveLength(192)
  sameCounts(file, rows, false)
})

test('tshark reads the file: both pairs of times, to the microsecond', async () => {
  const file = join(temporaryDirectory(), 'site.ipfix')
  const rows = await replayed(file)
  const text = execFileSync('tshark', ['-r', file, '-V'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, TZ: 'UTC' },
  })
  const starts = [...text.matchAll(/StartTime: .* (\d\d:\d\d:\d\d\.\d{6})\d{3} UTC/g)].map(
    (m) => m[1],
  )
  const microseconds = rows.map((row) => row.startTime.slice(11, 26))
  expect(starts).toEqual(microseconds.flatMap((us) => [`${us.slice(0, -3)}000`, us]))
  expect(text).not.toContain('Malformed')
})

test('nfcapd takes it by UDP, and nfdump counts the same', async () => {
  const folder = join(temporaryDirectory(), 'nf')
  mkdirSync(folder)
  const port = await freeUdpPort()
  const args = ['-l', folder, '-p', String(port), '-b', '127.0.0.1', '-t', '3600']
  const end = await collector('nfcapd', args, port, 'SIGTERM')
  const rows = await replayed(`127.0.0.1:${port}`)
  await end()
  const file = readdirSync(folder).find((name) => /^nfcapd\.\d+$/.test(name))!
  const info = execFileSync('nfdump', ['-r', join(folder, file), '-I'], { encoding: 'utf8' })
  const of = (name: string) => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(info)?.[1])
  expect(of('Flows')).toBe(rows.length)
  expect(of('Bytes')).toBe(sum(rows, 'bytesTx') + sum(rows, 'bytesRx'))
  expect(of('Packets')).toBe(sum(rows, 'packetsTx') + sum(rows, 'packetsRx'))
})

test('nfacctd (pmacct) takes it by UDP, and counts the direction that it knows', async () => {
  const folder = temporaryDirectory()
  const port = await freeUdpPort()
  const table = join(folder, 'table')
  const config = join(folder, 'nfacctd.conf')
  // The memory plugin is told of each record. The others are told only while they wait, and may miss the last one.
  const options = {
    daemonize: 'false',
    nfacctd_ip: '127.0.0.1',
    nfacctd_port: port,
    plugins: 'memory',
    imt_path: table,
    aggregate: 'src_host, dst_host, src_port, dst_port, proto',
  }
  writeFileSync(
    config,
    Object.entries(options)
      .map(([k, v]) => `${k}: ${v}\n`)
      .join(''),
  )
  const end = await collector('nfacctd', ['-f', config], port, 'SIGINT')
  await until(() => existsSync(table))
  const rows = await replayed(`udp://127.0.0.1:${port}`)
  const counted = () =>
    execFileSync('pmacct', ['-p', table, '-s', '-O', 'json'], { encoding: 'utf8' })
      .split('\n')
      .flatMap((line) => (line.endsWith('}') ? [JSON.parse(line) as Record<string, number>] : []))
  const total = (name: string) => counted().reduce((all, one) => all + one[name]!, 0)
  await until(() => total('packets') >= sum(rows, 'packetsTx'))
  expect(total('bytes')).toBe(sum(rows, 'bytesTx'))
  expect(total('packets')).toBe(sum(rows, 'packetsTx'))
  await end()
})

/** One that the user may reach that a meter of root's becomes. */
function ownFolder(): string {
  const home = temporaryDirectory()
  chmodSync(home, 0o755)
  return join(home, 'own')
}

/** Connections to an echo server on loopback, which a meter on `lo` sees. */
async function dialled(count: number): Promise<{ filter: string; dial: () => Promise<void> }> {
  const echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket))
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
  onTestFinished(() => void echo.close())
  const { port } = echo.address() as AddressInfo
  const dial = async () => {
    for (let i = 0; i < count; i++) {
      const socket = connect(port, '127.0.0.1', () => socket.end('hello'))
      await once(socket.resume(), 'close')
    }
  }
  return { filter: `port ${port}`, dial }
}

test('a meter tells nfcapd what it writes as lines itself', async () => {
  const folder = join(temporaryDirectory(), 'nf')
  mkdirSync(folder)
  const port = await freeUdpPort()
  const args = ['-l', folder, '-p', String(port), '-b', '127.0.0.1', '-t', '3600']
  const end = await collector('nfcapd', args, port, 'SIGTERM')
  const { filter, dial } = await dialled(25)
  const own = ownFolder()
  const meter = start([
    ...['meter', '--interface', 'lo', '--filter', filter],
    ...['--ipfix', `127.0.0.1:${port}`, '--output', `${own}/`],
  ])
  await until(() => meter.output.stderr.includes('"metering"'))
  await dial()
  meter.child.kill('SIGTERM')
  expect((await meter.finished).code, meter.output.stderr).toBe(0)
  await end()
  const rows = rowsIn(join(own, 'sessions.ndjson'))
  expect(rows).toHaveLength(25)
  const file = readdirSync(folder).find((name) => /^nfcapd\.\d+$/.test(name))!
  const info = execFileSync('nfdump', ['-r', join(folder, file), '-I'], { encoding: 'utf8' })
  const of = (name: string) => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(info)?.[1])
  expect(of('Flows')).toBe(25)
  expect(of('Bytes')).toBe(sum(rows, 'bytesTx') + sum(rows, 'bytesRx'))
})

test('ipfixDump reads the file of a meter that was killed and started again', async () => {
  const { filter, dial } = await dialled(5)
  const own = ownFolder()
  const begin = async () => {
    const meter = start(['meter', '--interface', 'lo', '--filter', filter, '--ipfix', `${own}/`])
    await until(() => meter.output.stderr.includes('"metering"'))
    await dial()
    return meter
  }
  const file = join(own, 'sessions.ipfix')
  const records = () => {
    const text = execFileSync('ipfixDump', ['--in', file], { encoding: 'utf8' })
    return [...text.matchAll(/\) +octetDeltaCount : \d+/g)].length
  }
  const first = await begin()
  await until(() => existsSync(file) && statSync(file).size > 0 && records() === 5)
  first.child.kill('SIGKILL')
  await first.finished
  const second = await begin()
  second.child.kill('SIGTERM')
  expect((await second.finished).code, second.output.stderr).toBe(0)
  expect(records()).toBe(10)
})
