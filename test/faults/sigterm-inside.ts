/**
 * (k) SIGTERM with more open sessions than the record queue holds, while the server takes connections and is silent:
 * every open session is on disk before systemd's patience ends, also when a second signal comes at once.
 *
 * Runs in a namespace of its own (namespaces.ts). argv: directory, second namespace, flows. Prints a Result.
 */
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { awaited } from './awaited.js'
import { Injector } from './injector.js'
import { LiveMeter } from './live-meter.js'
import { cli } from './processes.js'
import { setLink } from './veth-pair.js'

const [directory = '', , flows = '1000000'] = process.argv.slice(2)
const DEVICE = 'tmf3'
/** TimeoutStopSec of packaging/systemd. */
const PATIENCE_SECONDS = 30
/** How many times as many packets as flows: nearly all flows are drawn. */
const PACKETS_A_FLOW = 4
const PACKETS_PER_SECOND = 400_000

execFileSync('sysctl', ['-qw', 'net.ipv6.conf.default.disable_ipv6=1'])
setLink('up', 'lo')
const silent = createServer(() => undefined)
await new Promise<void>((resolve) => silent.listen(8490, '127.0.0.1', resolve))

interface End {
  readonly open: number
  readonly onDisk: number
  readonly exit: number | null
  readonly seconds: number
}

async function end(name: string, secondSignal: boolean): Promise<End> {
  const injector = await Injector.open(directory, DEVICE, {
    packetsPerSecond: PACKETS_PER_SECOND,
    seconds: Math.ceil((Number(flows) * PACKETS_A_FLOW) / PACKETS_PER_SECOND),
    flows: Number(flows),
  })
  const spool = join(directory, name)
  const meter = await LiveMeter.start([
    ...['--interface', DEVICE, '--to', 'http://127.0.0.1:8490', '--key', 'k', '--spool', spool],
    ...['--udp-timeout', '1h', '--active-timeout', '0s', '--drain-timeout', '1s'],
  ])
  const sent = await injector.inject()
  await awaited(
    'all packets are read',
    async () => (await meter.metrics()).sum('tunmeter_packets_total') >= sent,
  )
  const open = (await meter.metrics()).sum('tunmeter_open_sessions')
  const startMs = performance.now()
  if (secondSignal) {
    meter.child.kill('SIGTERM')
    await awaited('it is stopping', () => meter.said.includes('"stopping"'))
  }
  const exit = await meter.end('SIGTERM')
  const seconds = Math.round((performance.now() - startMs) / 1e3)
  await injector.close()
  const onDisk = cli('spool', 'ls', '--spool', spool, '--json')
    .split('\n')
    .map((line) => (JSON.parse(line) as { sessions: number }).sessions)
    .reduce((a, b) => a + b, 0)
  return { open, onDisk, exit, seconds }
}

const isWhole = ({ open, onDisk, exit, seconds }: End): boolean =>
  open > 0 && onDisk === open && exit === 0 && seconds < PATIENCE_SECONDS
const once = await end('once', false)
const twice = await end('twice', true)
silent.close()
const facts = {
  open: once.open,
  onDisk: once.onDisk,
  seconds: once.seconds,
  secondSignalOpen: twice.open,
  secondSignalOnDisk: twice.onDisk,
  secondSignalSeconds: twice.seconds,
}
process.stdout.write(JSON.stringify({ passed: isWhole(once) && isWhole(twice), facts }))
process.exit(0)
