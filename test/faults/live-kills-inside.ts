/**
 * (h) a meter on a live interface is killed at random moments, through a network that cuts and duplicates, while
 * connections go on. What had left its flow table and its second in memory is stored once; of what was cut by a kill
 * no byte is stored twice; and in each life the kernel's packets are the meter's.
 *
 * Runs in a namespace of its own (namespaces.ts). argv: directory, the other namespace, kills, seed. Prints a Result.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { awaited } from './awaited.js'
import { ChaosProxy, WILD } from './chaos-proxy.js'
import { LiveMeter } from './live-meter.js'
import { Server } from './processes.js'
import { Random } from './random.js'
import {
  DEVICE,
  dial,
  HELLO,
  kernelPackets,
  makePair,
  PORT,
  serveEcho,
  setLink,
} from './veth-pair.js'

const [directory = '', other = '', kills = '4', seed = '0'] = process.argv.slice(2)
const CONNECTIONS = 10
const FIRST_PORT = 20_000
const random = new Random(Number(seed))

// The kernel's own IPv6 packets would come before the meter opens the interface.
for (const sysctl of [['sysctl'], ['ip', 'netns', 'exec', other, 'sysctl']]) {
  const [file = '', ...args] = [...sysctl, '-qw', 'net.ipv6.conf.default.disable_ipv6=1']
  execFileSync(file, args)
}
setLink('up', 'lo')
makePair(other)
serveEcho()
const server = new Server(join(directory, 'data'))
await server.start()
const proxy = await new ChaosProxy(WILD, random).start()
proxy.target = server.url
const args = ['--interface', DEVICE, '--to', proxy.url, '--spool', join(directory, 'spool')]

const facts = { kills: 0, promised: 0, cut: 0, once: 0, lost: 0, twice: 0, kernelDiffers: 0 }
const promised: number[] = []
let port = FIRST_PORT

/** Connections that have left the meter's memory for its spool or the server. */
async function delivered(meter: LiveMeter, kernelBefore: number): Promise<void> {
  await dial(other, CONNECTIONS, port)
  promised.push(...Array.from({ length: CONNECTIONS }, (_, i) => port + i))
  port += CONNECTIONS
  await awaited('all connections are in the spool or stored', async () => {
    const m = await meter.metrics()
    const safe = m.sum('tunmeter_ship_sessions_stored_total') + m.sum('tunmeter_spool_sessions')
    return m.sum('tunmeter_spool_held_sessions') === 0 && safe - waitingBefore >= CONNECTIONS
  })
  const seen = (await meter.metrics()).sum('tunmeter_packets_total')
  if (seen !== kernelPackets() - kernelBefore) facts.kernelDiffers++
}

let waitingBefore = 0
for (let life = 0; life <= Number(kills); life++) {
  const kernelBefore = kernelPackets()
  const meter = await LiveMeter.start(args, { TUNMETER_KEY: server.ingestKey })
  const m = await meter.metrics()
  // What earlier lives left in the spool does not count for this one.
  waitingBefore = m.sum('tunmeter_spool_sessions') + m.sum('tunmeter_ship_sessions_stored_total')
  await delivered(meter, kernelBefore)
  if (life < Number(kills)) {
    const cut = dial(other, CONNECTIONS, port)
    port += CONNECTIONS
    facts.cut += CONNECTIONS
    await sleep(random.between(0, 400))
    await meter.end('SIGKILL')
    facts.kills++
    await cut
  } else {
    await awaited(
      'the spool is empty',
      async () => (await meter.metrics()).sum('tunmeter_spool_batches') === 0,
    )
    await meter.end('SIGTERM')
  }
}
const bytes = new Map<number, number>()
const records = new Map<number, number>()
for (const row of await server.sessions()) {
  if (!row.destAddr.endsWith(`:${PORT}`)) continue
  const from = Number(row.sourceAddr.split(':').at(-1))
  bytes.set(from, (bytes.get(from) ?? 0) + row.payloadTx)
  records.set(from, (records.get(from) ?? 0) + 1)
}
facts.promised = promised.length
facts.once = promised.filter((p) => bytes.get(p) === HELLO.length && records.get(p) === 1).length
facts.lost = promised.filter((p) => !bytes.has(p)).length
facts.twice = [...bytes.values()].filter((n) => n > HELLO.length).length
const passed = facts.once === facts.promised && facts.lost + facts.twice + facts.kernelDiffers === 0
await server.kill('SIGKILL')
process.stdout.write(JSON.stringify({ passed, facts: { ...facts, ...proxy.counts } }))
process.exit(0)
