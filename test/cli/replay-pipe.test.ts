/** `tcpdump … | tunmeter replay -`: what leaves while the pipe is open, and what a signal makes of it. */
import { spawn } from 'node:child_process'
import { expect, onTestFinished, test } from 'vitest'
import { pcapFile } from '../support/capture-files.js'
import { FakeServer } from '../support/fake-server.js'
import { ipv4, udp } from '../support/packets.js'
import { follow, ROOT } from '../support/process.js'
import { until } from '../support/until.js'

const DATAGRAM = Uint8Array.from(
  ipv4({ from: '10.8.0.2', to: '10.0.0.9', protocol: 17 }, udp(40_000, 53)),
)
/** A session that a later packet shows to be over, and that packet's, which is open. */
const CAPTURE = pcapFile([
  { seconds: 1_764_000_000, data: DATAGRAM },
  { seconds: 1_764_001_000, data: DATAGRAM },
])

/** A replay of a pipe that stays open; killed when the test ends, if it still runs then. */
function pipe(args: readonly string[], input: Uint8Array = CAPTURE) {
  const child = spawn(process.execPath, [`${ROOT}dist/cli.js`, 'replay', ...args, '-'], {
    env: { ...process.env, TUNMETER_KEY: '' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.on('error', () => undefined).write(input)
  const { output, finished } = follow(child)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await finished
  })
  return { child, output, finished }
}

const reasons = (text: string): string[] =>
  text
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { readonly endReason: string }).endReason)

test.each([
  ['ndjson', /"endReason":"idleTimeout".*\n$/],
  ['csv', /,idleTimeout,[^\n]*\n$/],
  ['table', /^STARTED.*\n.*10\.8\.0\.2.*\n$/],
])('%s: a session is printed while the pipe is open', async (format, row) => {
  const { child, output, finished } = pipe(['--format', format])
  await until(() => row.test(output.stdout))
  const early = output.stdout
  child.stdin.end()
  const { code, stdout } = await finished
  expect(code).toBe(0)
  expect(stdout.startsWith(early)).toBe(true)
  expect(stdout.length).toBeGreaterThan(early.length)
})

test('a session is delivered while the pipe is open', async () => {
  const server = await new FakeServer().start()
  pipe(['--to', server.url, '--key', 'k'])
  await until(() => [...server.stored.values()].some(({ sessions }) => sessions.length > 0))
  const ended = [...server.stored.values()].flatMap(({ sessions }) => sessions)
  expect(ended).toMatchObject([{ endReason: 'idleTimeout' }])
})

test.each(['SIGINT', 'SIGTERM'] as const)('%s prints what was read', async (signal) => {
  const { child, output, finished } = pipe(['--format', 'ndjson'])
  await until(() => output.stdout !== '')
  child.kill(signal)
  const { code, stdout, stderr } = await finished
  expect([code, reasons(stdout)]).toEqual([0, ['idleTimeout', 'forcedEnd']])
  expect(stderr).toBe(
    'tunmeter: interrupted: what was read is reported, open sessions as forcedEnd\n',
  )
})

test.each(['SIGINT', 'SIGTERM'] as const)('%s delivers what was read', async (signal) => {
  const server = await new FakeServer().start()
  const { child, finished } = pipe(['--to', server.url, '--key', 'k'])
  await until(() => server.stored.size > 0)
  child.kill(signal)
  const { code, stderr } = await finished
  const sessions = [...server.stored.values()].flatMap((batch) => batch.sessions)
  expect(sessions).toMatchObject([{ endReason: 'idleTimeout' }, { endReason: 'forcedEnd' }])
  expect([code, stderr.includes('2 sessions stored')]).toEqual([0, true])
})

test('what the writer of the pipe had not written when both got the signal is read', async () => {
  const { child, output, finished } = pipe(['--format', 'ndjson'])
  await until(() => output.stdout !== '')
  child.kill('SIGINT')
  await until(() => output.stderr !== '')
  const late = pcapFile([{ seconds: 1_764_002_000, data: DATAGRAM }]).subarray(24)
  child.stdin.end(late)
  const { code, stdout } = await finished
  expect([code, reasons(stdout)]).toEqual([0, ['idleTimeout', 'idleTimeout', 'forcedEnd']])
})

test('a second signal ends a delivery to a server that is away', async () => {
  const server = await new FakeServer().start()
  server.misbehave = () => true
  const { child, output, finished } = pipe(['--to', server.url, '--key', 'k'])
  await until(() => server.requests > 0)
  child.kill('SIGTERM')
  await until(() => output.stderr.includes('forcedEnd'))
  child.kill('SIGTERM')
  const { signal, stderr } = await finished
  expect(signal).toBe('SIGTERM')
  expect(stderr).toContain(
    'interrupted, 0 sessions are stored; the other sessions that were read are lost',
  )
})
