/**
 * Cost against size: npm run bench:scale [-- --rounds N --packets-max N --flows-max N --write]
 *
 * Replays (summary, whole process) with growing numbers of packets and of concurrent flows, and
 * measures the memory of a flow. A number of packets above one file's comes from naming the file
 * several times. The time per packet shows whether the cost is linear. It excludes the start of the
 * process, which is measured with an empty capture.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { describeMachine, median } from './support/machine.ts'
import { lineChart } from './support/svg.ts'
import { writeTraffic } from './support/traffic.ts'

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    'packets-max': { type: 'string', default: '100000000' },
    'flows-max': { type: 'string', default: '4000000' },
    write: { type: 'boolean', default: false },
  },
})
const rounds = Number(flags.rounds)
const work = `/dev/shm/tunmeter-scale-${process.pid}`
const PACKETS = [1e6, 3e6, 10e6, 30e6, 100e6].filter((n) => n <= Number(flags['packets-max']))
const FLOWS = [10e3, 50e3, 250e3, 1e6, 4e6].filter((n) => n <= Number(flags['flows-max']))
/** The most packets in one file; larger numbers repeat the file. */
const FILE_PACKETS_MAX = 10e6

interface Run {
  readonly seconds: number
  /** The highest anonymous memory, which excludes the file's own pages. */
  readonly anonymousBytes: number
  readonly packets: number
  readonly sessions: number
}

function anonymousBytesOf(child: ChildProcess): number {
  try {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
    return Number(/RssAnon:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024
  } catch {
    return 0 // the process has just ended
  }
}

async function replay(files: readonly string[], sampled: boolean): Promise<Run> {
  const start = performance.now()
  const args = ['dist/cli.js', 'replay', '--format', 'summary', '--flows-max', '5000000', ...files]
  const child = spawn('node', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  let anonymousBytes = 0
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  const timer = sampled
    ? setInterval(() => {
        anonymousBytes = Math.max(anonymousBytes, anonymousBytesOf(child))
      }, 5)
    : undefined
  const code = await new Promise((resolve) => child.on('close', resolve))
  clearInterval(timer)
  if (code !== 0) throw new Error(`replay exited with ${code}`)
  const { packets, sessions } = JSON.parse(output) as { packets: number; sessions: number }
  return { seconds: (performance.now() - start) / 1e3, anonymousBytes, packets, sessions }
}

/** Median seconds of all rounds. Every round must count every packet. */
async function timed(files: readonly string[], packets: number): Promise<number> {
  const seconds = []
  for (let round = 0; round < rounds; round++) {
    const run = await replay(files, false)
    if (run.packets !== packets)
      throw new Error(`${run.packets} of ${packets} packets were counted`)
    seconds.push(run.seconds)
  }
  return median(seconds)
}

function emptyCapture(): string {
  const path = join(work, 'empty.pcap')
  writeTraffic(path, { shape: 'uniform', flows: 1, packets: 1, seed: 1 })
  return path
}

async function againstPackets(startSeconds: number) {
  const rows = []
  for (const packets of PACKETS) {
    const file = join(work, 'packets.pcap')
    const inFile = Math.min(packets, FILE_PACKETS_MAX)
    writeTraffic(file, { shape: 'skewed', flows: 50_000, packets: inFile, seed: 1 })
    const seconds = await timed(Array(packets / inFile).fill(file), packets)
    rows.push({ packets, seconds, nsPerPacket: ((seconds - startSeconds) / packets) * 1e9 })
    rmSync(file)
  }
  return rows
}

async function againstFlows(startSeconds: number, idleBytes: number) {
  const rows = []
  for (const flows of FLOWS) {
    const file = join(work, 'flows.pcap')
    writeTraffic(file, { shape: 'uniform', flows, packets: FILE_PACKETS_MAX, seed: 1 })
    const seconds = await timed([file], FILE_PACKETS_MAX)
    const { anonymousBytes, sessions } = await replay([file], true)
    const bytesPerFlow = (anonymousBytes - idleBytes) / sessions
    rows.push({
      flows,
      sessions,
      seconds,
      nsPerPacket: ((seconds - startSeconds) / FILE_PACKETS_MAX) * 1e9,
      bytesPerFlow,
    })
    rmSync(file)
  }
  return rows
}

function short(n: number): string {
  return n >= 1e6 ? `${n / 1e6} M` : `${n / 1e3} k`
}

mkdirSync(work, { recursive: true })
try {
  const machine = describeMachine()
  const empty = emptyCapture()
  const startSeconds = await timed([empty], 1)
  const idleBytes = (await replay([empty], true)).anonymousBytes
  const packets = await againstPackets(startSeconds)
  const flows = await againstFlows(startSeconds, idleBytes)
  process.stdout.write(`start of the process: ${(startSeconds * 1e3).toFixed(0)} ms\n`)
  for (const r of packets)
    process.stdout.write(
      `${short(r.packets).padStart(6)} packets, 50 k flows: ${r.seconds.toFixed(3)} s, ${r.nsPerPacket.toFixed(1)} ns a packet\n`,
    )
  for (const r of flows)
    process.stdout.write(
      `${short(r.flows).padStart(6)} uniform flows: ${r.seconds.toFixed(3)} s, ${r.nsPerPacket.toFixed(1)} ns a packet, ${r.bytesPerFlow.toFixed(0)} B a flow\n`,
    )
  if (flags.write) {
    mkdirSync('bench/results', { recursive: true })
    mkdirSync('docs/images', { recursive: true })
    writeFileSync(
      'bench/results/scale.json',
      `${JSON.stringify({ machine, rounds, startSeconds, packets, flows }, null, 1)}\n`,
    )
    writeFileSync(
      'docs/images/bench-scale-packets.svg',
      lineChart(
        'Time per packet against packets',
        { x: 'packets (50 k flows, skewed)', y: 'ns a packet', xText: short },
        [{ label: 'tunmeter', points: packets.map((r) => [r.packets, r.nsPerPacket]) }],
      ),
    )
    writeFileSync(
      'docs/images/bench-scale-flows.svg',
      lineChart(
        'Time per packet against concurrent flows',
        { x: 'flows, all equally busy', y: 'ns a packet', xText: short },
        [{ label: 'tunmeter', points: flows.map((r) => [r.flows, r.nsPerPacket]) }],
      ),
    )
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
