/**
 * Whole-process comparison on capture files: npm run bench:peers [-- --packets N --rounds N --no-meters]
 *
 * Makes seeded traffic on tmpfs, checks that every tool saw every packet of it, then times them in alternating rounds
 * and prints medians and ratios. Writes bench/results/peers.json and the plot in docs/images/.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { describeMachine, firstLine, median } from './support/machine.ts'
import {
  checkTcpdump,
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
    seed: { type: 'string', default: '1' },
    'no-meters': { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})
const packets = Number(flags.packets)
const rounds = Number(flags.rounds)
const work = `/dev/shm/tunmeter-bench-${process.pid}`
const FILES: readonly { name: string; shape: Shape; flows: number }[] = [
  { name: '50 k flows, skewed', shape: 'skewed', flows: 50_000 },
  { name: 'short flows', shape: 'short', flows: 0 },
]

interface Row {
  readonly peer: string
  readonly seconds: readonly number[]
  readonly median: number
}

async function timed(peer: Peer, file: string): Promise<number> {
  const dir = emptyDirectory(join(work, 'out'))
  const start = performance.now()
  await peer.run(file, dir)
  return (performance.now() - start) / 1e3
}

/** @throws Error when a tool did not see all packets: its time would be worth nothing. */
async function check(peers: readonly Peer[], file: string, totals: TrafficTotals): Promise<void> {
  for (const peer of peers) {
    const dir = emptyDirectory(join(work, 'out'))
    await peer.run(file, dir)
    const whole = peer === TCPDUMP ? checkTcpdump(file, dir) : peer.counted(dir) === totals.packets
    if (!whole)
      throw new Error(`${peer.name} counted ${peer.counted(dir)} of ${totals.packets} packets`)
  }
}

async function compare(peers: readonly Peer[], file: string): Promise<Row[]> {
  const seconds = new Map<Peer, number[]>(peers.map((peer) => [peer, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [peer, all] of seconds) all.push(await timed(peer, file))
  }
  return [...seconds].map(([peer, all]) => ({ peer: peer.name, seconds: all, median: median(all) }))
}

function print(name: string, totals: TrafficTotals, rows: readonly Row[]): void {
  const base = rows.find((r) => r.peer === TCPDUMP.name)!.median
  process.stdout.write(`\n${name}: ${totals.packets} packets, ${totals.flows} flows\n`)
  for (const row of rows) {
    const spread = `${Math.min(...row.seconds).toFixed(2)}-${Math.max(...row.seconds).toFixed(2)}`
    const ratio = (row.median / base).toFixed(2)
    process.stdout.write(
      `  ${row.peer.padEnd(18)} ${row.median.toFixed(3).padStart(8)} s  (${spread})  ${ratio.padStart(6)}x tcpdump\n`,
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
const results = []
try {
  for (const { name, shape, flows } of FILES) {
    mkdirSync(work, { recursive: true })
    const file = join(work, `${shape}.pcap`)
    const totals = writeTraffic(file, { shape, flows, packets, seed: Number(flags.seed) })
    await check(peers, file, totals)
    const rows = await compare(peers, file)
    print(name, totals, rows)
    if (flags.write) plot(name, shape, totals, rows)
    results.push({ name, shape, totals, rows })
    rmSync(file)
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
if (flags.write) {
  mkdirSync('bench/results', { recursive: true })
  writeFileSync(
    'bench/results/peers.json',
    `${JSON.stringify({ machine, versions, rounds, results }, null, 1)}\n`,
  )
}
