/**
 * Time from the end of a connection to its record in JavaScript:
 * npm run bench:latency [-- --connections N --write]
 *
 * Needs root: it runs itself in a network namespace of its own and meters its loopback. A
 * connection ends when its client has seen both FINs. Target: 300 ms at most.
 */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { FlowMeter } from '../src/meter/capture/flow-meter.js'
import { describeMachine, median } from './support/machine.js'
import { Random } from './support/random.js'

const { values: flags } = parseArgs({
  options: {
    connections: { type: 'string', default: '100' },
    write: { type: 'boolean', default: false },
    inside: { type: 'boolean', default: false },
  },
})
const TARGET_MS = 300
const RECORDS_MS_MAX = 10_000

/**
 * Below the ports that the kernel assigns. Each connection has its own port, which identifies its
 * record.
 */
const LOCAL_PORTS_FROM = 10_000

/** One connection: a word each way, then closed. Resolves with its client's port and its end. */
async function converse(
  port: number,
  localPort: number,
): Promise<{ port: number; endedMs: number }> {
  const socket = connect({ port, host: '127.0.0.1', localPort })
  await once(socket, 'connect')
  socket.resume()
  socket.end('hello')
  await once(socket, 'close')
  return { port: localPort, endedMs: performance.now() }
}

async function measure(count: number): Promise<number[]> {
  const server = createServer((socket) => socket.on('data', () => socket.end('hello')))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const meter = new FlowMeter({ source: { kind: 'live', interface: 'lo' } })
  const arrivedMs = new Map<number, number>()
  const reading = (async () => {
    for await (const batch of meter.records()) {
      for (const record of batch) arrivedMs.set(record.sourcePort, performance.now())
    }
  })()
  // Connect until a record comes, because opening the interface takes time.
  let localPort = LOCAL_PORTS_FROM
  for (let i = 0; i < 100 && arrivedMs.size === 0; i++) {
    await converse(port, localPort++)
    await sleep(200)
  }
  const random = new Random(1)
  const ended = []
  for (let i = 0; i < count; i++) {
    ended.push(await converse(port, localPort++))
    // At random times between the engine's ticks of 100 ms.
    await sleep(20 + random.below(100))
  }
  const deadline = performance.now() + RECORDS_MS_MAX
  while (ended.some((e) => !arrivedMs.has(e.port)) && performance.now() < deadline) await sleep(20)
  await meter.stop()
  await reading
  server.close()
  return ended.map((e) => (arrivedMs.get(e.port) ?? Number.POSITIVE_INFINITY) - e.endedMs)
}

async function main(): Promise<void> {
  const sorted = (await measure(Number(flags.connections))).sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1]!
  const result = { connections: sorted.length, median: median(sorted), p95: at(0.95), max: at(1) }
  const ms = (value: number): string => `${value.toFixed(0)} ms`
  process.stdout.write(
    `FIN to record: median ${ms(result.median)}, p95 ${ms(result.p95)}, max ${ms(result.max)} ` +
      `of ${result.connections} connections; target ${TARGET_MS} ms\n`,
  )
  if (!flags.write) return
  mkdirSync('bench/results', { recursive: true })
  writeFileSync(
    'bench/results/latency.json',
    `${JSON.stringify({ machine: describeMachine(), targetMs: TARGET_MS, ...result }, null, 1)}\n`,
  )
}

if (flags.inside) {
  await main()
} else {
  const again = `ip link set lo up && exec node --import tsx ${fileURLToPath(import.meta.url)} --inside "$@"`
  const args = ['-n', 'sh', '-c', again, 'sh', ...process.argv.slice(2)]
  execFileSync('unshare', args, { stdio: 'inherit' })
}
