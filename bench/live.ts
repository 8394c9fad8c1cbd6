/**
 * CPU per packet on a live TUN device:
 * npm run bench:live [-- --seconds N --rounds N --rates 200000,0 --write]
 *
 * Needs root. An injector writes packets into a TUN device in a network namespace of its own. Four
 * readers alternate: tcpdump, tunmeter's capture (FlowMeter), the whole `tunmeter meter` with its
 * spool, and cap + Map. CPU is the kernel's accounting of the process (all threads, nanoseconds).
 * Rate 0 means as fast as one core can inject.
 */
import {
  type ChildProcess,
  type ExecFileSyncOptions,
  execFileSync,
  spawn,
} from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { describeMachine, median } from './support/machine.ts'

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '5' },
    rates: { type: 'string', default: '200000,0' },
    flows: { type: 'string', default: '10000' },
    write: { type: 'boolean', default: false },
  },
})
const NAMESPACE = `tmbench${process.pid}`
const DEVICE = 'tmbench0'
const PACKET_BYTES = 400
const SPOOL = `/dev/shm/${NAMESPACE}`
const METRICS = '127.0.0.1:9480'
const METER =
  'env TUNMETER_KEY=bench node dist/cli.js meter --user root --to http://127.0.0.1:9'.split(
    ' ',
  ) as [string, ...string[]]
const METER_OPTIONS = ['--spool', SPOOL, '--drain-timeout', '0s', '--log-level', 'silent']
const CAPTURES: readonly { name: string; command: readonly [string, ...string[]] }[] = [
  { name: 'tcpdump', command: ['tcpdump', '-nn', '-i', DEVICE, '-s', '96', '-w', '/dev/null'] },
  { name: 'tunmeter', command: ['node', '--import', 'tsx', 'bench/live-tunmeter.ts', DEVICE] },
  {
    name: 'tunmeter meter',
    command: [
      ...METER,
      ...['--interface', DEVICE, '--snaplen', '96', '--metrics-listen', METRICS],
      ...METER_OPTIONS,
    ],
  },
  { name: 'cap + Map', command: ['node', 'bench/live-cap.cjs', DEVICE] },
]

interface Measured {
  readonly sent: number
  readonly seen: number
  readonly cpuSeconds: number
  readonly injectorPps: number
}

const children = new Set<ChildProcess>()

function inNamespace(command: readonly string[], stdin: 'pipe' | 'ignore'): ChildProcess {
  const child = spawn('ip', ['netns', 'exec', NAMESPACE, ...command], {
    stdio: [stdin, 'pipe', 'pipe'],
  })
  children.add(child)
  child.on('exit', () => children.delete(child))
  return child
}

/** CPU time of all running threads, in seconds. */
function cpuSecondsOf(pid: number): number {
  let ns = 0
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0])
  }
  return ns / 1e9
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let i = 0; i < 3_000; i++) {
    if (condition()) return
    await sleep(10)
  }
  throw new Error(`${what} did not happen within 30 s`)
}

/**
 * `ip netns exec` becomes the command itself, so the pid is the capture's. The file always has its
 * header line.
 */
function hasPacketSocket(pid: number): boolean {
  const path = `/proc/${pid}/net/packet`
  return existsSync(path) && readFileSync(path, 'utf8').trim().split('\n').length > 1
}

/** The number of packets in a capture's output when it is stopped. */
function seenBy(name: string, output: string): number {
  const patterns: Record<string, RegExp> = {
    tcpdump: /(\d+) packets? captured/,
    tunmeter: /"packets":(\d+)/,
    'tunmeter meter': /^tunmeter_packets_total\S* (\d+)/m,
    'cap + Map': /"packets":(\d+)/,
  }
  return Number(patterns[name]!.exec(output)?.[1] ?? Number.NaN)
}

function metricsOfMeter(): string {
  const args = ['netns', 'exec', NAMESPACE, 'curl', '-sS', `http://${METRICS}/metrics`]
  return execFileSync('ip', args, { encoding: 'utf8' })
}

/** npm does not build packages with install scripts here. */
function buildCap(): void {
  if (existsSync('node_modules/cap/build/Release/cap.node')) return
  process.stdout.write('building cap\n')
  const options: ExecFileSyncOptions = { cwd: 'node_modules/cap', stdio: 'inherit' }
  execFileSync('npm', ['exec', '-c', 'node-gyp rebuild'], options)
}

async function measure(capture: (typeof CAPTURES)[number], rate: string): Promise<Measured> {
  const injector = inNamespace(
    ['/tmp/tmbench-injector', DEVICE, rate, flags.seconds, flags.flows, String(PACKET_BYTES)],
    'pipe',
  )
  const lines = createInterface({ input: injector.stdout! })[Symbol.asyncIterator]()
  await lines.next() // "ready"
  const reader = inNamespace(capture.command, 'ignore')
  let output = ''
  for (const stream of [reader.stdout!, reader.stderr!])
    stream.on('data', (chunk) => {
      output += chunk
    })
  const exited = once(reader, 'exit')
  await until(`${capture.name} opening the device`, () => hasPacketSocket(reader.pid!))
  const before = cpuSecondsOf(reader.pid!)
  injector.stdin!.write('go\n')
  const report = JSON.parse((await lines.next()).value as string) as {
    sent: number
    seconds: number
  }
  await sleep(1_500) // the last buffer: tcpdump's timeout is 1 s
  const cpuSeconds = cpuSecondsOf(reader.pid!) - before
  if (capture.name === 'tunmeter meter') output += metricsOfMeter()
  reader.kill('SIGINT')
  await exited
  injector.stdin!.end()
  await once(injector, 'exit')
  return {
    sent: report.sent,
    seen: seenBy(capture.name, output),
    cpuSeconds,
    injectorPps: report.sent / report.seconds,
  }
}

async function compare(rate: string) {
  const all = new Map(CAPTURES.map((c) => [c.name, [] as Measured[]]))
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const capture of CAPTURES) all.get(capture.name)!.push(await measure(capture, rate))
  }
  return [...all].map(([name, runs]) => ({
    name,
    microsecondsPerPacket: median(runs.map((r) => (r.cpuSeconds / r.seen) * 1e6)),
    lostShare: median(runs.map((r) => 1 - r.seen / r.sent)),
    injectedPps: median(runs.map((r) => r.injectorPps)),
    runs,
  }))
}

execFileSync('g++', ['-O2', '-std=c++20', '-o', '/tmp/tmbench-injector', 'bench/tun-injector.cc'])
buildCap()
execFileSync('ip', ['netns', 'add', NAMESPACE])
execFileSync('ip', ['-n', NAMESPACE, 'link', 'set', 'lo', 'up'])
const machine = describeMachine()
const results = []
try {
  for (const rate of flags.rates.split(',')) {
    const rows = await compare(rate)
    const base = rows.find((r) => r.name === 'tcpdump')!
    process.stdout.write(
      `\n${rate === '0' ? 'as fast as one core injects' : `${rate} packets/s`}\n`,
    )
    for (const row of rows) {
      const ratio = (row.microsecondsPerPacket / base.microsecondsPerPacket).toFixed(2)
      process.stdout.write(
        `  ${row.name.padEnd(14)} ${row.microsecondsPerPacket.toFixed(3).padStart(7)} µs CPU a packet  ${ratio.padStart(6)}x tcpdump  ` +
          `lost ${(row.lostShare * 100).toFixed(2)} %  at ${Math.round(row.injectedPps / 1e3)} kpps\n`,
      )
    }
    results.push({ rate: Number(rate), rows })
  }
} finally {
  for (const child of children) child.kill('SIGKILL')
  execFileSync('ip', ['netns', 'delete', NAMESPACE])
  rmSync('/tmp/tmbench-injector', { force: true })
  rmSync(SPOOL, { recursive: true, force: true })
}
if (flags.write) {
  mkdirSync('bench/results', { recursive: true })
  writeFileSync(
    'bench/results/live.json',
    `${JSON.stringify({ machine, seconds: Number(flags.seconds), results }, null, 1)}\n`,
  )
}
