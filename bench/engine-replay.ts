/**
 * FlowMeter replays a generated capture (records counted, not made), alternating with tcpdump;
 * median of five. Prints one JSON object. `--smoke`: a small file, once. `npm run bench:peers`
 * compares whole processes and more tools.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { FlowMeter } from '../src/meter/capture/flow-meter.js'
import { describeMachine, firstLine, median } from './support/machine.js'
import { type TrafficTotals, writeTraffic } from './support/traffic.js'

const { values: flags } = parseArgs({ options: { smoke: { type: 'boolean', default: false } } })
const PACKETS = flags.smoke ? 100_000 : 2_000_000
const ROUNDS = flags.smoke ? 1 : 5
const FLOWS = 50_000

async function meter(path: string, totals: TrafficTotals): Promise<number> {
  const start = performance.now()
  const flow = new FlowMeter({ source: { kind: 'file', paths: [path] }, records: 'none' })
  for await (const _ of flow.records());
  const elapsedMs = performance.now() - start
  const { sessions } = flow.counters()
  if (sessions.packets !== totals.packets || sessions.bytes !== totals.ipBytes) {
    throw new Error(`metered ${JSON.stringify(sessions)} of ${JSON.stringify(totals)}`)
  }
  return elapsedMs
}

function tcpdump(path: string): number {
  const start = performance.now()
  execFileSync('tcpdump', ['-nn', '-r', path, '-w', '/dev/null'], { stdio: 'ignore' })
  return performance.now() - start
}

// In memory, because the disk's cache must not be measured.
const directory = mkdtempSync('/dev/shm/tunmeter-bench-')
try {
  const hasTcpdump = /version/.test(firstLine('tcpdump', ['--version']))
  if (!hasTcpdump) throw new Error('tcpdump is needed: apt-get install tcpdump')
  const shapes = []
  for (const shape of ['skewed', 'short'] as const) {
    const path = join(directory, `${shape}.pcap`)
    const totals = writeTraffic(path, { shape, packets: PACKETS, flows: FLOWS, seed: 1 })
    readFileSync(path)
    const times: { meter: number; tcpdump: number }[] = []
    for (let round = 0; round < ROUNDS; round++) {
      times.push({ meter: await meter(path, totals), tcpdump: tcpdump(path) })
    }
    const meterMs = median(times.map((t) => t.meter))
    const tcpdumpMs = median(times.map((t) => t.tcpdump))
    const ratio = median(times.map((t) => t.meter / t.tcpdump))
    shapes.push({ shape, flows: totals.flows, meterMs, tcpdumpMs, ratio })
  }
  process.stdout.write(
    `${JSON.stringify({ machine: describeMachine(), packets: PACKETS, shapes })}\n`,
  )
} finally {
  rmSync(directory, { recursive: true })
}
