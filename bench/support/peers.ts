/**
 * The meters for comparison on a capture file, each run as its users run it to write records.
 *
 * A meter counts only if it saw every packet: `counted` reads that from its output, before anything
 * is timed.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

export interface Peer {
  readonly name: string
  /**
   * One run over `file`, with output below `dir` (empty before). Resolves when all output is
   * written.
   */
  readonly run: (file: string, dir: string) => Promise<void>
  /** The packets in the run's output. */
  readonly counted: (dir: string) => number
  readonly version: readonly [string, ...string[]]
}

const CLI = new URL('../../dist/cli.js', import.meta.url).pathname
/** More flows than any file here has, so that no meter is slowed by evicting. */
const SOFTFLOWD_FLOWS_MAX = 2_000_000
const COLLECTOR_PORT = 19_995

/**
 * Ten times the slowest meter's time for 10 M packets. A meter that is not done by then never ends.
 */
const RUN_MS_MAX = 300_000
/**
 * If NODE_EXTRA_CA_CERTS is set, Node.js reads a file of certificates at each start, which takes 50
 * ms and is no metering.
 */
const { NODE_EXTRA_CA_CERTS: _, ...ENVIRONMENT } = process.env

function command(name: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, { stdio: 'ignore', env: ENVIRONMENT })
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`${name} did not end within ${RUN_MS_MAX / 1e3} s and was killed`))
    }, RUN_MS_MAX)
    child.on('error', reject)
    child.on('exit', (code) => {
      clearTimeout(timer)
      if (code === 0) resolve()
      else reject(new Error(`${name} exited with ${code}`))
    })
  })
}

function outputOf(name: string, args: readonly string[]): string {
  return execFileSync(name, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 2 ** 30,
  })
}

function nfdumpPackets(dir: string): number {
  return Number(/^Packets: (\d+)/m.exec(outputOf('nfdump', ['-R', dir, '-I']))?.[1] ?? 0)
}

/** softflowd has no file output, so it exports to a collector, as its users run it. */
async function softflowd(file: string, dir: string): Promise<void> {
  const collector = spawn(
    'nfcapd',
    ['-w', dir, '-t', '3600', '-b', '127.0.0.1', '-p', String(COLLECTOR_PORT), '-B', '33554432'],
    { stdio: 'ignore' },
  )
  const exited = new Promise((resolve) => collector.on('exit', resolve))
  await collectorIsBound()
  try {
    await command('softflowd', [
      '-r',
      file,
      '-n',
      `127.0.0.1:${COLLECTOR_PORT}`,
      '-v',
      '9',
      '-6',
      '-d',
      '-m',
      String(SOFTFLOWD_FLOWS_MAX),
      '-p',
      join(dir, '../softflowd.pid'),
      // No control socket: with one, softflowd 1.1 sometimes waits in accept() for ever before it
      // reads the file.
      '-c',
      'none',
    ])
  } finally {
    collector.kill('SIGTERM')
    await exited
  }
}

/** Waits for the collector's UDP port in /proc/net/udp; nothing else shows that it is ready. */
async function collectorIsBound(): Promise<void> {
  const needle = `:${COLLECTOR_PORT.toString(16).toUpperCase()} `
  for (let i = 0; i < 500; i++) {
    if (readFileSync('/proc/net/udp', 'utf8').includes(needle)) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('nfcapd did not open its port')
}

const summary = (dir: string) =>
  JSON.parse(readFileSync(join(dir, 'summary.json'), 'utf8')) as { packets: number }

export const TUNMETER_SUMMARY: Peer = {
  name: 'tunmeter summary',
  run: (file, dir) =>
    command('sh', [
      '-c',
      `exec node "$0" replay --format summary "$1" > "$2"`,
      CLI,
      file,
      join(dir, 'summary.json'),
    ]),
  counted: (dir) => summary(dir).packets,
  version: ['node', CLI, '--version'],
}

export const TUNMETER_NDJSON: Peer = {
  name: 'tunmeter ndjson',
  run: (file, dir) =>
    command('node', [
      CLI,
      'replay',
      '--format',
      'ndjson',
      '--output',
      join(dir, 'sessions.ndjson'),
      file,
    ]),
  counted: (dir) => {
    // awk instead of JSON.parse, because this reads a gigabyte of records.
    const script =
      '{ if (match($0, /"packetsTx":[0-9]+/)) n += substr($0, RSTART + 12, RLENGTH - 12); if (match($0, /"packetsRx":[0-9]+/)) n += substr($0, RSTART + 12, RLENGTH - 12) } END { print n }'
    return Number(outputOf('awk', [script, join(dir, 'sessions.ndjson')]))
  },
  version: ['node', CLI, '--version'],
}

export const TCPDUMP: Peer = {
  name: 'tcpdump',
  run: (file) => command('tcpdump', ['-nn', '-r', file, '-w', '/dev/null']),
  counted: () => Number.NaN, // tcpdump drops its output here; checkTcpdump() checks it
  version: ['tcpdump', '--version'],
}

export const METERS: readonly Peer[] = [
  {
    name: 'nfpcapd',
    run: (file, dir) => command('nfpcapd', ['-r', file, '-w', dir, '-t', '3600']),
    counted: nfdumpPackets,
    version: ['nfdump', '-V'],
  },
  { name: 'softflowd', run: softflowd, counted: nfdumpPackets, version: ['softflowd', '-h'] },
  {
    name: 'argus',
    run: (file, dir) => command('argus', ['-r', file, '-w', join(dir, 'argus.out')]),
    counted: (dir) =>
      Number(
        /sum\s+\d+\s+(\d+)/.exec(outputOf('racount', ['-r', join(dir, 'argus.out')]))?.[1] ?? 0,
      ),
    version: ['argus', '-h'],
  },
]

/**
 * CPU seconds, user and system, of all child processes that ended and were waited for, to 10 ms.
 */
export function childrenCpuSeconds(): number {
  // The second field is the name in parentheses and may hold anything, so count after it.
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ')
  const [userTicks, systemTicks] = [Number(fields[13]), Number(fields[14])]
  return (userTicks + systemTicks) / 100
}

/** Lets tcpdump copy the file; the copy must have the same size. */
export function checkTcpdump(file: string, dir: string): boolean {
  const copy = join(dir, 'copy.pcap')
  const { status } = spawnSync('tcpdump', ['-nn', '-r', file, '-w', copy], { stdio: 'ignore' })
  const same = status === 0 && statSync(copy).size === statSync(file).size
  rmSync(copy, { force: true })
  return same
}

export function emptyDirectory(path: string): string {
  rmSync(path, { recursive: true, force: true })
  mkdirSync(path, { recursive: true })
  return path
}

/** Installs the missing ones of Debian's packages of these meters. */
export function installPeers(): void {
  const needed = {
    tcpdump: 'tcpdump',
    nfpcapd: 'nfdump',
    softflowd: 'softflowd',
    argus: 'argus-server',
    racount: 'argus-client',
  }
  const missing = Object.entries(needed).filter(
    ([name]) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0,
  )
  if (missing.length === 0) return
  const packages = missing.map(([, pkg]) => pkg)
  const { status } = spawnSync(
    'apt-get',
    ['install', '-y', '--no-install-recommends', ...packages],
    { stdio: 'inherit' },
  )
  if (status !== 0)
    throw new Error(`the peers could not be installed. Run: apt-get install ${packages.join(' ')}`)
}
