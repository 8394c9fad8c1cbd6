/**
 * Compares whole processes on capture files:
 * npm run bench:peers [-- --packets N --rounds N --meter-rounds N --only SHAPE --no-meters --write]
 *
 * Makes seeded traffic on tmpfs, checks that every tool counted every packet, then times the tools
 * in alternating rounds and prints medians and ratios. A meter that missed packets or does not end
 * is named and left out. --write stores bench/results/peers-SHAPE.json and the plot in
 * docs/images/.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { describeMachine, firstLine, median } from './support/machine.ts'
import {
  checkTcpdump,
  childrenCpuSeconds,
  emptyDirectory,
  installPeers,
  METERS,
  type Peer,
  TCPDUMP,
  TUNMETER_NDJSON,
  TUNMETER_SUMMARY,
} from './support/peers.ts'
import { barChart } from './support/svg.ts'
import { type Shape, type TrafficTotals, writeTraffic } from './support/traffic.ts'

const { values: flags } = parseArgs({
  options: {
    packets: { type: 'string', default: '10000000' },
    rounds: { type: 'string', default: '5' },
    'meter-rounds': { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    seed: { type: 'string', default: '1' },
    'no-meters': { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})
const packets = Number(flags.packets)
const rounds = Number(flags.rounds)
const meterRounds = Number(flags['meter-rounds'])
const work = `/dev/shm/tunmeter-bench-${process.pid}`
const FILES: readonly { name: string; shape: Shape; flows: number }[] = [
  { name: '50 k flows, skewed', shape: 'skewed', flows: 50_000 },
  { name: 'short flows', shape: 'short', flows: 0 },
]

interface Row {
  readonly peer: string
  readonly seconds: readonly number[]
  readonly median: number
  /** User and system time of all threads. Meaningful on a busy machine as well. */
  readonly cpuSeconds: readonly number[]
  readonly cpuMedian: number
}

interface Run {
  readonly seconds: number
  readonly cpuSeconds: number
}

async function timed(peer: Peer, file: string): Promise<Run> {
  const dir = emptyDirectory(join(work, 'out'))
  const cpuBefore = childrenCpuSeconds()
  const start = performance.now()
  await peer.run(file, dir)
  const seconds = (performance.now() - start) / 1e3
  return { seconds, cpuSeconds: childrenCpuSeconds() - cpuBefore }
}

/** @throws Error when a tool did not count all packets, because its time would mean nothing */
async function check(peer: Peer, file: string, totals: TrafficTotals): Promise<void> {
  const dir = emptyDirectory(join(work, 'out'))
  await peer.run(file, dir)
  const whole = peer === TCPDUMP ? checkTcpdump(file, dir) : peer.counted(dir) === totals.packets
  if (!whole)
    throw new Error(`${peer.name} counted ${peer.counted(dir)} of ${totals.packets} packets`)
}

/** The tools that counted everything. tunmeter and tcpdump must be among them. */
async function whole(all: readonly Peer[], file: string, totals: TrafficTotals): Promise<Peer[]> {
  const good: Peer[] = []
  for (const peer of all) {
    try {
      await check(peer, file, totals)
      good.push(peer)
    } catch (error) {
      if (!METERS.includes(peer)) throw error
      process.stdout.write(`left out: ${error instanceof Error ? error.message : error}\n`)
    }
  }
  return good
}

async function compare(peers: readonly Peer[], file: string): Promise<Row[]> {
  const runs = new Map<Peer, Run[]>(peers.map((peer) => [peer, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [peer, all] of runs) {
      if (round < meterRounds || !METERS.includes(peer)) all.push(await timed(peer, file))
    }
  }
  return [...runs].map(([peer, all]) => {
    const seconds = all.map((r) => r.seconds)
    const cpuSeconds = all.map((r) => r.cpuSeconds)
    return {
      peer: peer.name,
      seconds,
      median: median(seconds),
      cpuSeconds,
      cpuMedian: median(cpuSeconds),
    }
  })
}

function print(name: string, totals: TrafficTotals, rows: readonly Row[]): void {
  const base = rows.find((r) => r.peer === TCPDUMP.name)!
  process.stdout.write(`\n${name}: ${totals.packets} packets, ${totals.flows} flows\n`)
  for (const row of rows) {
    const spread = `${Math.min(...row.seconds).toFixed(2)}-${Math.max(...row.seconds).toFixed(2)}`
    const ratio = (row.median / base.median).toFixed(2)
    const cpuRatio = (row.cpuMedian / base.cpuMedian).toFixed(2)
    process.stdout.write(
      `  ${row.peer.padEnd(18)} ${row.median.toFixed(3).padStart(8)} s  (${spread})  ${ratio.padStart(6)}x tcpdump; ` +
        `CPU ${row.cpuMedian.toFixed(2)} s, ${cpuRatio}x\n`,
    )
  }
}

function plot(name: string, shape: Shape, totals: TrafficTotals, rows: readonly Row[]): void {
  const bars = rows.map((row) => {
    const mpps = totals.packets / row.median / 1e6
    return {
      label: row.peer,
      value: mpps,
      text: `${mpps.toFixed(1)} M packets/s`,
      ours: row.peer.startsWith('tunmeter'),
    }
  })
  mkdirSync('docs/images', { recursive: true })
  writeFileSync(
    `docs/images/bench-peers-${shape}.svg`,
    barChart(`Reading a capture of ${totals.packets / 1e6} M packets, ${name}`, bars),
  )
}

installPeers()
const peers = [TUNMETER_SUMMARY, TUNMETER_NDJSON, TCPDUMP, ...(flags['no-meters'] ? [] : METERS)]
const machine = describeMachine()
const versions = Object.fromEntries(
  peers.map((p) => [p.name, firstLine(p.version[0], p.version.slice(1))]),
)
if (flags.write) mkdirSync('bench/results', { recursive: true })
try {
  for (const { name, shape, flows } of FILES.filter((f) => f.shape.includes(flags.only))) {
    mkdirSync(work, { recursive: true })
    const file = join(work, `${shape}.pcap`)
    const totals = writeTraffic(file, { shape, flows, packets, seed: Number(flags.seed) })
    const rows = await compare(await whole(peers, file, totals), file)
    print(name, totals, rows)
    rmSync(file)
    if (!flags.write) continue
    plot(name, shape, totals, rows)
    const result = { machine, versions, rounds, meterRounds, name, totals, rows }
    writeFileSync(`bench/results/peers-${shape}.json`, `${JSON.stringify(result, null, 1)}\n`)
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
