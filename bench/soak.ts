/**
 * High churn for a long time: npm run bench:soak [-- --minutes 30 --rate 22000 --write]
 *
 * Needs root. In a network namespace of its own, an injector writes UDP packets of a million
 * five-tuples into a TUN device. With an idle timeout of 2 s, nearly every packet is a session. One
 * meter reads the device and delivers to one server (embedded store, durable before it answers).
 * Every second it samples the resident memory of both, the spool, and the age of the oldest batch
 * that is not stored. At the end, every packet must be in a stored session or counted as dropped.
 * --write stores samples and plot.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Injector } from '../test/faults/injector.ts'
import { LiveMeter, memoryMiB } from '../test/faults/live-meter.ts'
import { Server } from '../test/faults/processes.ts'
import { describeMachine } from './support/machine.ts'
import { timeChart } from './support/time-chart.ts'

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    rate: { type: 'string', default: '22000' },
    write: { type: 'boolean', default: false },
    inside: { type: 'boolean', default: false },
  },
})
const DEVICE = 'tmsoak0'
const FLOWS = 1 << 20
const SAMPLE_MS = 1_000
/** One of this many samples is shown during the run. */
const SAMPLES_SHOWN = 60
const MIB = 2 ** 20

interface Sample {
  readonly atMs: number
  readonly meterMiB: number
  readonly serverMiB: number
  readonly spoolMiB: number
  readonly lagSeconds: number
  readonly stored: number
  readonly opened: number
}

async function sample(meter: LiveMeter, server: Server): Promise<Sample> {
  const metrics = await meter.metrics()
  return {
    atMs: Date.now(),
    meterMiB: meter.memoryMiB().now,
    serverMiB: memoryMiB(server.pid).now,
    spoolMiB: metrics.sum('tunmeter_spool_bytes') / MIB,
    lagSeconds: metrics.sum('tunmeter_spool_oldest_seconds'),
    stored: metrics.sum('tunmeter_ship_sessions_stored_total'),
    opened: metrics.sum('tunmeter_sessions_opened_total'),
  }
}

function describe({ meterMiB, serverMiB, spoolMiB, lagSeconds, stored }: Sample): string {
  return (
    `${stored} sessions stored, meter ${meterMiB} MiB, server ${serverMiB} MiB, ` +
    `spool ${spoolMiB.toFixed(1)} MiB, lag ${lagSeconds.toFixed(1)} s`
  )
}

async function soak(directory: string): Promise<void> {
  execFileSync('ip', ['link', 'set', 'lo', 'up'])
  const machine = describeMachine()
  const seconds = Number(flags.minutes) * 60
  const rate = Number(flags.rate)
  const injector = await Injector.open(directory, DEVICE, {
    packetsPerSecond: rate,
    seconds,
    flows: FLOWS,
  })
  const server = new Server(join(directory, 'data'))
  await server.start()
  const meter = await LiveMeter.start(
    [
      ...['--interface', DEVICE, '--to', server.url, '--user', 'root', '--udp-timeout', '2s'],
      ...['--active-timeout', '0s', '--drain-timeout', '10m', '--spool', join(directory, 'spool')],
    ],
    { TUNMETER_KEY: server.ingestKey },
  )
  const samples: Sample[] = []
  let missed = 0
  const timer = setInterval(() => {
    sample(meter, server).then(
      (one) => {
        samples.push(one)
        if (samples.length % SAMPLES_SHOWN === 0) process.stderr.write(`${describe(one)}\n`)
      },
      () => missed++,
    )
  }, SAMPLE_MS)
  const sent = await injector.inject()
  clearInterval(timer)
  const before = await meter.metrics()
  const exit = await meter.end('SIGTERM')
  const stored = await server.totals()
  const dropped = {
    packets: before.sum('tunmeter_packets_dropped_total'),
    sessions: before.sum('tunmeter_sessions_dropped_total'),
  }
  await injector.close()
  await server.kill('SIGTERM')
  report({
    machine,
    minutes: Number(flags.minutes),
    rate,
    sent,
    stored,
    exit,
    dropped,
    missed,
    samples,
  })
}

interface Run {
  readonly machine: ReturnType<typeof describeMachine>
  readonly minutes: number
  readonly rate: number
  readonly sent: number
  /** The server's totals. Each sent packet must be in one session, or counted as dropped. */
  readonly stored: { readonly sessions: number; readonly packets: number }
  readonly exit: number | null
  readonly dropped: { readonly packets: number; readonly sessions: number }
  /** Samples without an answer from the meter or the server. */
  readonly missed: number
  readonly samples: readonly Sample[]
}

function report(run: Run): void {
  const { samples } = run
  const [first, last] = [samples[0]!, samples.at(-1)!]
  const perSecond = (last.opened - first.opened) / ((last.atMs - first.atMs) / 1e3)
  const most = (of: (s: Sample) => number): number => Math.max(...samples.map(of))
  const title = `${Math.round(perSecond / 100) / 10} k new sessions/s for ${run.minutes} minutes`
  process.stdout.write(
    `${title}: ${run.sent} packets sent, ${run.stored.packets} packets in ${run.stored.sessions} sessions stored, dropped ${JSON.stringify(run.dropped)}, meter's exit ${run.exit}, ${run.missed} samples missed\n` +
      `most: meter ${most((s) => s.meterMiB)} MiB, server ${most((s) => s.serverMiB)} MiB, spool ${most((s) => s.spoolMiB).toFixed(1)} MiB, lag ${most((s) => s.lagSeconds).toFixed(1)} s\n`,
  )
  if (run.exit !== 0 || run.stored.packets + run.dropped.packets !== run.sent) process.exitCode = 1
  if (!flags.write) return
  const values = (of: (s: Sample) => number): number[] => samples.map(of)
  mkdirSync('bench/results', { recursive: true })
  writeFileSync('bench/results/soak.json', `${JSON.stringify(run)}\n`)
  writeFileSync(
    'docs/images/soak.svg',
    timeChart(title, run.minutes, [
      {
        title: 'resident memory, MiB',
        lines: [
          { label: 'meter', values: values((s) => s.meterMiB) },
          { label: 'server', values: values((s) => s.serverMiB) },
        ],
      },
      {
        title: 'spool, MiB',
        lines: [{ label: 'waiting batches', values: values((s) => s.spoolMiB) }],
      },
      {
        title: 'lag, seconds',
        lines: [{ label: 'oldest batch', values: values((s) => s.lagSeconds) }],
      },
    ]),
  )
}

if (flags.inside) {
  const directory = mkdtempSync(join(tmpdir(), 'tunmeter-soak-'))
  try {
    await soak(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
} else {
  const namespace = `tmsoak${process.pid}`
  execFileSync('ip', ['netns', 'add', namespace])
  try {
    const inside = [process.execPath, '--import', 'tsx', fileURLToPath(import.meta.url), '--inside']
    const args = ['netns', 'exec', namespace, ...inside, ...process.argv.slice(2)]
    process.exitCode = spawnSync('ip', args, { stdio: 'inherit' }).status ?? 1
  } finally {
    execFileSync('ip', ['netns', 'delete', namespace])
  }
}
