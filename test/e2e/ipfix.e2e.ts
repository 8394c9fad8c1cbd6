/** `replay --ipfix` and `meter --ipfix` read back by programs that people have: ipfixDump and tshark (file), nfcapd with nfdump, nfacctd (UDP). */
import { execFileSync, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ROOT, run, start } from '../support/process.js'
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
async function replayed(place: string): Promise<readonly Row[]> {
  const output = join(temporaryDirectory(), 'rows.ndjson')
  const { code, stderr } = await run([
    'replay',
    CAPTURE,
    '--ipfix',
    place,
    '--format',
    'ndjson',
    '--output',
    output,
  ])
  expect(code, stderr).toBe(0)
  const rows = readFileSync(output, 'utf8')
    .trim()
    .split('\n')
    .map((row) => JSON.parse(row) as Row)
  expect(rows).toHaveLength(192)
  return rows
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

test('ipfixDump reads the file: every record, with both directions', async () => {
  const file = join(temporaryDirectory(), 'site.ipfix')
  const rows = await replayed(file)
  const text = execFileSync('ipfixDump', ['--in', file], { encoding: 'utf8', maxBuffer: 2 ** 26 })
  const values = (name: string) =>
    [...text.matchAll(new RegExp(`\\) +${name} : (\\d+)`, 'g'))].map((m) => Number(m[1]))
  expect(values('octetDeltaCount')).toEqual(rows.map((row) => row.bytesTx))
  expect(values('reverseOctetDeltaCount')).toEqual(rows.map((row) => row.bytesRx))
  expect(values('packetDeltaCount')).toEqual(rows.map((row) => row.packetsTx))
  expect(values('reversePacketDeltaCount')).toEqual(rows.map((row) => row.packetsRx))
  expect(values('initiatorOctets')).toEqual(rows.map((row) => row.payloadTx))
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
  const rows = readFileSync(join(own, 'sessions.ndjson'), 'utf8')
    .trim()
    .split('\n')
    .map((row) => JSON.parse(row) as Row)
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
