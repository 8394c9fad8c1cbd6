/**
 * (i) JavaScript stands still for 10 s while packets come as fast as one core can make them, each a session, and the
 * server is away with the spool at its bound. Every packet that the kernel took is in a counter, every session report
 * on disk or in one, and memory stays below its bound.
 *
 * Runs in a namespace of its own (namespaces.ts). argv: directory. Prints a Result.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { WebSocket } from 'undici'
import { awaited } from './awaited.js'
import { Injector } from './injector.js'
import { LiveMeter, type Metrics } from './live-meter.js'
import { cli } from './processes.js'
import { setLink } from './veth-pair.js'

const [directory = ''] = process.argv.slice(2)
const DEVICE = 'tmf2'
const INSPECTOR = '127.0.0.1:9229'
const STALL_MS = 10_000
const SECONDS = 12
/** What the engine's queue holds (64 MiB), and some that JavaScript takes before it stands still. */
const QUEUE_RECORDS = 600_000
/** docs/operations.md, "Bounds"; the flow table is small here. */
const MEMORY_MIB_MAX = 768

/** Keeps the meter's only thread of JavaScript busy. Resolves when it is free again. */
async function stall(): Promise<void> {
  const [target] = (await (await fetch(`http://${INSPECTOR}/json`)).json()) as {
    webSocketDebuggerUrl: string
  }[]
  const socket = new WebSocket(target!.webSocketDebuggerUrl)
  await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }))
  const answered = new Promise((resolve) =>
    socket.addEventListener('message', resolve, { once: true }),
  )
  const expression = `{ const end = Date.now() + ${STALL_MS}; while (Date.now() < end); }`
  socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } }))
  await answered
  socket.close()
}

const packetsOf = (m: Metrics): number =>
  m.sum('tunmeter_packets_total') + m.sum('tunmeter_packets_dropped_total')
const reportsOf = (m: Metrics): number => m.sum('tunmeter_session_reports_total')
const keptOf = (m: Metrics): number =>
  m.sum('tunmeter_spool_sessions') + m.sum('tunmeter_sessions_dropped_total')

// The kernel's own packets are none of the injector's.
execFileSync('sysctl', ['-qw', 'net.ipv6.conf.default.disable_ipv6=1'])
setLink('up', 'lo')
const injector = await Injector.open(directory, DEVICE, {
  packetsPerSecond: 0,
  seconds: SECONDS,
  flows: 500_000,
})
const spool = join(directory, 'spool')
const meter = await LiveMeter.start(
  [
    ...['--interface', DEVICE, '--to', 'http://127.0.0.1:1', '--key', 'k', '--spool', spool],
    // So few that nearly every packet ends a session.
    ...['--spool-max', '4MiB', '--flows-max', '1000', '--active-timeout', '0s'],
    ...['--drain-timeout', '0s'],
  ],
  { NODE_OPTIONS: `--inspect=${INSPECTOR}` },
)
const stalled = stall()
const sent = await injector.inject()
await stalled
await awaited('all packets are read', async () => packetsOf(await meter.metrics()) >= sent)
await awaited('every report is on disk or counted', async () => {
  const m = await meter.metrics()
  return m.sum('tunmeter_spool_held_sessions') === 0 && keptOf(m) >= reportsOf(m)
})
const m = await meter.metrics()
const { peak } = meter.memoryMiB()
const dropped = (reason: string): number =>
  m.sum('tunmeter_sessions_dropped_total', `reason="${reason}"`)
const exit = await meter.end('SIGKILL')
const waiting = cli('spool', 'ls', '--spool', spool, '--json')
  .split('\n')
  .map((line) => (JSON.parse(line) as { sessions: number }).sessions)
  .reduce((a, b) => a + b, 0)
await injector.close()
const facts = {
  sent,
  read: m.sum('tunmeter_packets_total'),
  packetsDropped: m.sum('tunmeter_packets_dropped_total'),
  reports: reportsOf(m),
  onDisk: waiting,
  recordQueueFull: dropped('recordQueueFull'),
  spoolWriteFailed: dropped('spoolWriteFailed'),
  spoolFull: dropped('spoolFull'),
  peakMiB: peak,
}
const passed =
  exit === null &&
  packetsOf(m) === sent &&
  keptOf(m) === reportsOf(m) &&
  waiting === m.sum('tunmeter_spool_sessions') &&
  // A machine that makes fewer packets in that time does not fill the queue.
  (facts.recordQueueFull > 0 || facts.reports < QUEUE_RECORDS) &&
  // The disk is well: a burst waits in the queue instead of being lost behind it.
  facts.spoolWriteFailed === 0 &&
  facts.spoolFull > 0 &&
  peak < MEMORY_MIB_MAX
process.stdout.write(JSON.stringify({ passed, facts }))
process.exit(0)
