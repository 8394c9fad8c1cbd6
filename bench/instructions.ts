/**
 * Instructions a packet, which other work on the machine does not change:
 * npm run bench:instructions [-- --write | --check]
 *
 * Builds the engine without Node (bench/instructions.cc), and counts with cachegrind the
 * instructions of reading four captures, minus those of reading an empty one. Prints the result a
 * packet beside bench/results/instructions.json. Before that, the engine's counters are compared
 * with the written traffic.
 *
 * The flow table's hash has a random key, so figures differ by half a per cent between runs.
 *
 * --write  stores the figures    --check  fails when a figure has grown by more than 3 %
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
// @ts-expect-error plain JavaScript, shared with scripts/fuzz.mjs, which runs before anything is built.
import { engineSources, INCLUDES, LIBRARIES } from '../scripts/fuzz/sources.mjs'
import { firstLine } from './support/machine.js'
import { type Shape, writeTraffic } from './support/traffic.js'

const ROOM = 0.03
const PACKETS = 200_000
/** The flags of binding.gyp, here too for one unit. */
const FLAGS = [
  '-O3',
  '-std=c++20',
  '-fno-rtti',
  '-flto=auto',
  '-Wno-subobject-linkage',
  '-fstack-protector-strong',
  '-DNDEBUG',
]
const RESULTS = fileURLToPath(new URL('results/instructions.json', import.meta.url))
const SOURCE = fileURLToPath(new URL('instructions.cc', import.meta.url))
const WORKLOADS: readonly { readonly shape: Shape; readonly flows: number }[] = [
  { shape: 'skewed', flows: 10_000 },
  { shape: 'short', flows: 0 },
  { shape: 'uniform', flows: 100_000 },
  { shape: 'scan', flows: 0 },
]

interface Results {
  readonly compiler: string
  readonly packets: number
  readonly instructionsPerPacket: Readonly<Record<string, number>>
}

const { values: flags } = parseArgs({
  options: {
    write: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
  },
})

/** The instructions of a whole run, and its output. */
function count(program: string, capture: string, counts: string): readonly [number, string] {
  const tool = ['--tool=cachegrind', '--cache-sim=no', `--cachegrind-out-file=${counts}`]
  const output = execFileSync('valgrind', [...tool, '-q', program, capture], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'], // cachegrind warns of caches that it does not simulate
  })
  const summary = /^summary: (\d+)/m.exec(readFileSync(counts, 'utf8'))
  if (summary === null) throw new Error(`no sum in ${counts}`)
  return [Number(summary[1]), output.trim()]
}

function measure(directory: string): Results {
  const program = join(directory, 'instructions')
  const together = `${program}.cc`
  const units: string[] = [SOURCE, ...engineSources()]
  writeFileSync(together, units.map((unit) => `#include "${unit}"\n`).join(''))
  execFileSync('g++', [...FLAGS, ...INCLUDES, together, ...LIBRARIES, '-o', program])
  const counts = join(directory, 'counts')
  const capture = join(directory, 'traffic.pcap')
  writeTraffic(capture, { shape: 'scan', packets: 0, flows: 0, seed: 1 })
  const [idle] = count(program, capture, counts)
  const figures: Record<string, number> = {}
  for (const { shape, flows } of WORKLOADS) {
    const totals = writeTraffic(capture, { shape, packets: PACKETS, flows, seed: 1 })
    const [instructions, counted] = count(program, capture, counts)
    if (!counted.startsWith(`${totals.packets} ${totals.ipBytes} `)) {
      throw new Error(`${shape}: counted ${counted} of ${JSON.stringify(totals)}`)
    }
    figures[shape] = Math.round((instructions - idle) / totals.packets)
  }
  const compiler = firstLine('g++', ['-dumpfullversion'])
  return { compiler, packets: PACKETS, instructionsPerPacket: figures }
}

/** Prints each figure beside the stored one, and returns those that grew too far. */
function compare(now: Results, kept: Results): string[] {
  return Object.entries(now.instructionsPerPacket).flatMap(([shape, figure]) => {
    const before = kept.instructionsPerPacket[shape]
    const growth = before === undefined ? 0 : figure / before - 1
    const beside =
      before === undefined ? 'not kept' : `${before} kept, ${(growth * 100).toFixed(1)} %`
    process.stdout.write(
      `${shape.padEnd(10)} ${String(figure).padStart(6)} instructions a packet (${beside})\n`,
    )
    return growth > ROOM ? [shape] : []
  })
}

const directory = mkdtempSync('/dev/shm/tunmeter-instructions-')
try {
  const now = measure(directory)
  const kept = JSON.parse(readFileSync(RESULTS, 'utf8')) as Results
  const grown = compare(now, kept)
  if (now.compiler !== kept.compiler) {
    process.stdout.write(
      `kept with g++ ${kept.compiler}, this is ${now.compiler}: figures of two compilers differ\n`,
    )
  } else if (flags.check && grown.length > 0) {
    process.stdout.write(
      `${grown.join(', ')}: more than ${ROOM * 100} % above bench/results/instructions.json. ` +
        'Find out why, or keep the new figures with --write and say in the commit what they buy.\n',
    )
    process.exitCode = 1
  }
  if (flags.write) writeFileSync(RESULTS, `${JSON.stringify(now, null, 2)}\n`)
} finally {
  rmSync(directory, { recursive: true })
}
