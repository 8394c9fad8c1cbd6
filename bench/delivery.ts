/**
 * Sessions per second from one meter to one server, durable before each is acknowledged:
 * npm run bench:delivery [-- --packets 10000000 --rounds 3 --write]
 *
 * `tunmeter replay --to` sends a generated capture of short flows through a spool on disk to the
 * embedded store. The time is that of the whole replay process with its start. Afterwards the store
 * must have all packets.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Server } from '../test/faults/processes.ts'
import { describeMachine, median } from './support/machine.ts'
import { writeTraffic } from './support/traffic.ts'

const { values: flags } = parseArgs({
  options: {
    packets: { type: 'string', default: '10000000' },
    rounds: { type: 'string', default: '3' },
    write: { type: 'boolean', default: false },
  },
})
const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url))
const CLOCK_TICKS = 100

/** User and system time so far, in seconds. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS
}

async function round(directory: string, capture: string) {
  const server = new Server(join(directory, 'data'))
  await server.start()
  const serverBefore = cpuSeconds(server.pid)
  const started = performance.now()
  const replay = spawn(
    process.execPath,
    [CLI, 'replay', capture, '--to', server.url, '--spool', join(directory, 'spool')],
    { env: { ...process.env, TUNMETER_KEY: server.ingestKey }, stdio: 'ignore' },
  )
  let meterCpu = 0
  const sampling = setInterval(() => {
    meterCpu = cpuSeconds(replay.pid!)
  }, 100)
  const [exit] = await once(replay, 'close')
  const seconds = (performance.now() - started) / 1e3
  clearInterval(sampling)
  const serverCpu = cpuSeconds(server.pid) - serverBefore
  const { sessions, packets } = await server.totals()
  await server.kill('SIGTERM')
  rmSync(join(directory, 'data'), { recursive: true })
  rmSync(join(directory, 'spool'), { recursive: true })
  if (exit !== 0 || packets !== Number(flags.packets))
    throw new Error(`not all is stored: ${packets} packets, exit ${exit}`)
  return { seconds, sessions, perSecond: sessions / seconds, meterCpu, serverCpu }
}

const directory = mkdtempSync(join(tmpdir(), 'tunmeter-delivery-'))
try {
  const machine = describeMachine()
  const capture = join(directory, 'short.pcap')
  writeTraffic(capture, { shape: 'short', packets: Number(flags.packets), flows: 0, seed: 1 })
  const rounds = []
  for (let i = 0; i < Number(flags.rounds); i++) {
    const one = await round(directory, capture)
    rounds.push(one)
    process.stdout.write(
      `${one.sessions} sessions in ${one.seconds.toFixed(2)} s: ${Math.round(one.perSecond)} sessions/s; ` +
        `CPU: meter ${one.meterCpu.toFixed(1)} s, server ${one.serverCpu.toFixed(1)} s\n`,
    )
  }
  process.stdout.write(`median ${Math.round(median(rounds.map((r) => r.perSecond)))} sessions/s\n`)
  if (flags.write) {
    mkdirSync('bench/results', { recursive: true })
    writeFileSync(
      'bench/results/delivery.json',
      `${JSON.stringify({ machine, packets: Number(flags.packets), rounds }, null, 1)}\n`,
    )
  }
} finally {
  rmSync(directory, { recursive: true, force: true })
}
