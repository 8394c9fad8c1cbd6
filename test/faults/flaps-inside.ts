/**
 * (f) the interface goes down, is deleted and made again, while sessions come between.
 *
 * Runs in a namespace of its own (namespaces.ts). argv: directory, the other namespace, flaps. Prints a Result.
 */
import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { FakeServer } from '../support/fake-server.js'
import { until } from '../support/until.js'
import { spawnCli } from './processes.js'

const [directory = '', other = '', flaps = '4'] = process.argv.slice(2)
const CONNECTIONS = 10
const PORT = 7000
const HERE = '10.213.7.1'
const ip = (...args: string[]): void => void execFileSync('ip', args)

function makePair(): void {
  ip('link', 'add', 'tmf0', 'type', 'veth', 'peer', 'name', 'tmf1', 'netns', other)
  ip('addr', 'add', `${HERE}/24`, 'dev', 'tmf0')
  ip('link', 'set', 'tmf0', 'up')
  ip('-n', other, 'addr', 'add', '10.213.7.2/24', 'dev', 'tmf1')
  ip('-n', other, 'link', 'set', 'tmf1', 'up')
}

const DIAL = `
const { connect } = require('node:net')
const one = () => new Promise((resolve, reject) => {
  const socket = connect(${PORT}, '${HERE}', () => socket.end('hello'))
  socket.on('error', reject).on('close', resolve).resume()
})
;(async () => { for (let i = 0; i < ${CONNECTIONS}; i++) await one() })()
`

ip('link', 'set', 'lo', 'up')
makePair()
const server = await new FakeServer().listen()
createServer((socket) => socket.on('error', () => undefined).pipe(socket)).listen(PORT, HERE)
const meter = spawnCli([
  ...['meter', '--interface', 'tmf0', '--to', server.url, '--key', 'k'],
  ...['--spool', join(directory, 'spool'), '--metrics-listen', '127.0.0.1:9480'],
])
let said = ''
meter.stderr!.on('data', (chunk: Buffer) => {
  said += chunk.toString()
})
const closed = once(meter, 'close')
const metric = async (name: string): Promise<number> => {
  const text = await (await fetch('http://127.0.0.1:9480/metrics')).text()
  return Number(new RegExp(`^${name}\\S* (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
}
await until(() => said.includes('"metering"') || meter.exitCode !== null)

let expected = 0
for (let flap = 0; flap <= Number(flaps); flap++) {
  // Each return is one reopening more: only then is traffic seen again.
  await until(async () => (await metric('tunmeter_interface_reopened_total')) >= flap)
  await until(async () => (await metric('tunmeter_interface_up')) === 1)
  // Not the synchronous one: the listener is in this process.
  await promisify(execFile)('ip', ['netns', 'exec', other, process.execPath, '-e', DIAL])
  expected += CONNECTIONS
  // The meter has seen them all before the next flap: what it has not read is not its to lose.
  await until(async () => (await metric('tunmeter_sessions_opened_total')) >= expected)
  if (flap === Number(flaps)) break
  if (flap % 2 === 0) {
    ip('link', 'set', 'tmf0', 'down')
    await until(async () => (await metric('tunmeter_interface_up')) === 0)
    ip('link', 'set', 'tmf0', 'up')
  } else {
    ip('link', 'del', 'tmf0')
    await until(async () => (await metric('tunmeter_interface_up')) === 0)
    makePair()
  }
}
const reopened = await metric('tunmeter_interface_reopened_total')
meter.kill('SIGTERM')
await closed
const batches = [...server.stored.values()]
const tcp = batches.flatMap((b) => b.sessions).filter((s) => s.destPort === PORT)
const stored = new Set(tcp.map((s) => s.sessionId)).size
const complete = tcp.filter((s) => s.connState === 'SF').length
const gaps = batches.flatMap((b) => b.gaps).filter((g) => g.reason === 'interfaceGone').length
const passed =
  meter.exitCode === 0 && stored === expected && gaps >= 1 && reopened === Number(flaps)
const facts = {
  flaps: Number(flaps),
  reopened,
  gaps,
  expected,
  stored,
  complete,
  exit: meter.exitCode,
}
process.stdout.write(JSON.stringify({ passed, facts }))
process.exit(0)
