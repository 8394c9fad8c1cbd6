// Fuzzes the packet path and the file readers with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer.
//
//   npm run fuzz -- [--seconds N | --cpu-seconds N] [TARGET...]
//
// Targets: packets, pcap, pcapng, gzip, prefixes, rows, queue, csv (native/fuzz/). Each runs N seconds (default 60), or N
// seconds of CPU time, which also count on a busy machine. Fuzzing begins with the inputs of
// native/fuzz/seeds and with inputs made from fixtures/ and, if present, the corpus
// (../shared/corpus or TUNMETER_CORPUS). libFuzzer's own inputs stay in build/fuzz/corpus. An input
// that breaks something is written to native/fuzz/crashes/TARGET, where the tests replay it: commit
// it with the fix. The exit code is then 1.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writeSeeds } from './fuzz/seeds.ts'
import { fuzzSources, INCLUDES, LIBRARIES } from './fuzz/sources.mjs'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const BUILD = join(ROOT, 'build/fuzz')
const CORPUS = process.env.TUNMETER_CORPUS ?? join(ROOT, '../shared/corpus')
/** The longest input of each target, in bytes: room for a few dozen packets. */
const TARGETS = {
  packets: 8192,
  ...{ pcap: 4096, pcapng: 4096, gzip: 4096 },
  ...{ prefixes: 1024, rows: 1024, queue: 64, csv: 2048 },
}
const COMPILERS = [
  'clang++-14',
  'clang++',
  'clang++-19',
  'clang++-18',
  'clang++-17',
  'clang++-16',
  'clang++-15',
]
const FLAGS = [
  '-std=c++20',
  '-g',
  '-O1',
  '-fno-omit-frame-pointer',
  '-fno-exceptions',
  '-fsanitize=fuzzer,address,undefined',
  '-fno-sanitize-recover=all',
]

/** Linux reports CPU times of other processes in hundredths of a second. */
const CLOCK_TICKS_PER_SECOND = 100
const CPU_POLL_MS = 500

function fail(text) {
  process.stderr.write(`fuzz: ${text}\n`)
  process.exit(1)
}

function build() {
  const compiler = COMPILERS.find((name) => spawnSync(name, ['--version']).status === 0)
  if (compiler === undefined) {
    fail('needs clang with libFuzzer: apt-get install clang-14 libclang-rt-14-dev')
  }
  const program = join(BUILD, 'fuzz')
  mkdirSync(BUILD, { recursive: true })
  const inputs = fuzzSources('fuzz_libfuzzer.cc')
  const result = spawnSync(
    compiler,
    [...FLAGS, ...INCLUDES, ...inputs, ...LIBRARIES, '-o', program],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  )
  if (result.status !== 0) fail('the build failed')
  return program
}

/**
 * User and system time of a process so far; null when it has ended. proc(5): fields 14 and 15,
 * counted after "(name)".
 */
function cpuSecondsOf(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND
  } catch {
    return null
  }
}

/**
 * Watches a process' CPU time, and ends libFuzzer at the limit (SIGUSR1: with statistics, exit code
 * 0).
 */
function watchCpu(child, limitSeconds) {
  const watch = { seconds: 0 }
  const timer = setInterval(() => {
    watch.seconds = cpuSecondsOf(child.pid) ?? watch.seconds
    if (limitSeconds !== null && watch.seconds >= limitSeconds) child.kill('SIGUSR1')
  }, CPU_POLL_MS)
  child.on('close', () => clearInterval(timer))
  return watch
}

/** Runs one target and reports libFuzzer's statistics. */
async function fuzz(program, target, { seconds, cpuSeconds }) {
  const corpus = join(BUILD, 'corpus', target)
  const crashes = join(ROOT, 'native/fuzz/crashes', target)
  mkdirSync(corpus, { recursive: true })
  mkdirSync(crashes, { recursive: true })
  const seeds = [join(ROOT, 'native/fuzz/seeds', target), crashes, join(BUILD, 'seeds', target)]
  const args = [
    corpus,
    ...seeds.filter((directory) => existsSync(directory)),
    `-max_total_time=${cpuSeconds === null ? seconds : 0}`,
    `-max_len=${TARGETS[target]}`,
    `-dict=${join(ROOT, 'native/fuzz', `${target === 'packets' ? 'packets' : 'captures'}.dict`)}`,
    `-artifact_prefix=${crashes}/`,
    // Ten seconds on one input are a hang: the longest input takes milliseconds, even under the
    // sanitizers. These are seconds of the wall clock. With a limit of CPU time they are 1,800,
    // because the process may get no CPU for minutes.
    `-timeout=${cpuSeconds === null ? 10 : 1800}`,
    '-rss_limit_mb=2048',
    '-print_final_stats=1',
  ]
  const child = spawn(program, args, {
    env: { ...process.env, TUNMETER_FUZZ_TARGET: target },
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  const cpu = watchCpu(child, cpuSeconds)
  const log = []
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line))
  const code = await new Promise((done) => child.on('close', done))
  const last = (pattern) => log.map((line) => pattern.exec(line)?.[1]).findLast((found) => found)
  const number = (pattern) => Number(last(pattern) ?? 0)
  const report = {
    target,
    cpuSeconds: cpu.seconds,
    executions: number(/stat::number_of_executed_units:\s+(\d+)/),
    perSecond: number(/stat::average_exec_per_sec:\s+(\d+)/),
    edges: number(/ cov: (\d+)/),
    features: number(/ ft: (\d+)/),
    corpus: readdirSync(corpus).length,
    peakRssMb: number(/stat::peak_rss_mb:\s+(\d+)/),
    failed: code !== 0,
  }
  process.stdout.write(`${JSON.stringify(report)}\n`)
  if (report.failed) process.stderr.write(`${log.slice(-60).join('\n')}\n`)
  // Otherwise a target that never started would pass.
  if (report.executions === 0) fail(`${target} executed nothing`)
  return report
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '60' }, 'cpu-seconds': { type: 'string' } },
})
const [seconds, cpuSeconds] = ['seconds', 'cpu-seconds'].map((name) => {
  const value = values[name]
  if (value === undefined) return null
  if (!/^[1-9]\d*$/.test(value)) fail(`--${name} takes a number, not ${value}`)
  return Number(value)
})
const targets = positionals.length > 0 ? positionals : Object.keys(TARGETS)
for (const target of targets) {
  if (!(target in TARGETS))
    fail(`no target ${target}; there are ${Object.keys(TARGETS).join(', ')}`)
}
const program = build()
const counts = writeSeeds(join(BUILD, 'seeds'), [join(ROOT, 'fixtures'), join(CORPUS, 'pcaps')])
process.stderr.write(`fuzz: seeds ${JSON.stringify(counts)}\n`)
const reports = []
for (const target of targets) reports.push(await fuzz(program, target, { seconds, cpuSeconds }))
const failed = reports.filter((report) => report.failed)
process.stdout.write(
  `${reports.length} targets, ${reports.reduce((sum, one) => sum + one.executions, 0)} executions, ` +
    `${failed.length} failed\n`,
)
process.exit(failed.length === 0 ? 0 : 1)
