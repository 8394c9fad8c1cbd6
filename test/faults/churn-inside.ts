/**
 * (l) very many interfaces come and go, each with a name of its own. Each is read while it is there, and what the meter
 * held for it goes with it: afterwards the process is as it was.
 *
 * Runs in a namespace of its own (namespaces.ts). argv: directory, the other namespace, interfaces. Prints a Result.
 */
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { FakeServer } from '../support/fake-server.js'
import { awaited } from './awaited.js'
import { LiveMeter } from './live-meter.js'
import { setLink } from './veth-pair.js'

const [directory = '', , interfaces = '200'] = process.argv.slice(2)
/** Fewer than a meter reads at once. */
const AT_ONCE = 40
const PORT = 9_000
/** What allocators keep after the first rounds. */
const GROWTH_MIB = 64
/** Connections of the server and of whoever asks for metrics; interfaces that were not let go hold more. */
const CONNECTIONS = 8

const ip = (lines: readonly string[]): void =>
  void execFileSync('ip', ['-batch', '-'], { input: lines.join('\n') })

const name = (i: number): string => `tmc${i}`
const address = (i: number, end: number): string => `10.${64 + (i >> 6)}.${i & 63}.${end}`
/** As the meter says it once it reads the interface. */
const found = (i: number): string => `"interface":"${name(i)}","msg":"interface found"`
/** The far end needs no address: the near one is told where it is. */
const make = (i: number): string[] => [
  `link add ${name(i)} type veth peer name far${i}`,
  `link set far${i} up`,
  `addr add ${address(i, 1)}/30 dev ${name(i)}`,
  `link set ${name(i)} up`,
  `neigh add ${address(i, 2)} lladdr 02:00:00:00:00:01 dev ${name(i)}`,
]

execFileSync('sysctl', ['-qw', 'net.ipv6.conf.default.disable_ipv6=1'])
setLink('up', 'lo')
const server = await new FakeServer().listen()
const meter = await LiveMeter.start([
  ...['--interface', 'tmc*', '--to', server.url, '--key', 'k'],
  ...['--spool', join(directory, 'spool'), '--forget-interface-after', '1s'],
])
const udp = createSocket('udp4').bind()
await once(udp, 'listening')

const held = (what: 'task' | 'fd'): number => readdirSync(`/proc/${meter.child.pid}/${what}`).length
async function round(first: number): Promise<void> {
  const these = Array.from({ length: AT_ONCE }, (_, i) => first + i)
  ip(these.flatMap(make))
  await awaited('all interfaces are found', () => these.every((i) => meter.said.includes(found(i))))
  for (const i of these) udp.send('x', PORT, address(i, 2))
  const seen = 'tunmeter_sessions_opened_total'
  await awaited(
    'a packet of each is seen',
    async () => (await meter.metrics()).sum(seen) >= AT_ONCE,
  )
  ip(these.map((i) => `link del ${name(i)}`))
  await awaited(
    'all are forgotten',
    async () => !(await meter.metrics()).has('tunmeter_interface_up'),
  )
}

const rounds = Math.ceil(Number(interfaces) / AT_ONCE)
await round(0)
const before = { threads: held('task'), files: held('fd'), memory: meter.memoryMiB().now }
for (let i = 1; i < rounds; i++) await round(i * AT_ONCE)
const threads = held('task')
const files = held('fd')
const memory = meter.memoryMiB().now
const exit = await meter.end('SIGTERM')
const sessions = [...server.stored.values()].flatMap((batch) => batch.sessions)
const ours = sessions.filter((s) => s.destPort === PORT)
const facts = {
  interfaces: rounds * AT_ONCE,
  stored: ours.length,
  once: new Set(ours.filter((s) => s.packetsTx === 1).map((s) => s.destIp)).size,
  threads: `${before.threads}->${threads}`,
  files: `${before.files}->${files}`,
  memoryMiB: `${before.memory}->${memory}`,
  exit,
}
const asItWas =
  threads <= before.threads &&
  files <= before.files + CONNECTIONS &&
  memory <= before.memory + GROWTH_MIB
const passed =
  exit === 0 && asItWas && facts.stored === facts.interfaces && facts.once === facts.interfaces
process.stdout.write(JSON.stringify({ passed, facts }))
process.exit(0)
