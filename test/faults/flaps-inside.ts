/**
 * (f) the interface goes down, is deleted and made again, while sessions come between.
 *
 * Runs in a namespace of its own (namespaces.ts). argv: directory, the other namespace, flaps. Prints a Result.
 */
import { join } from 'node:path'
import { FakeServer } from '../support/fake-server.js'
import { awaited } from './awaited.js'
import { LiveMeter } from './live-meter.js'
import { DEVICE, deletePair, dial, makePair, PORT, serveEcho, setLink } from './veth-pair.js'

const [directory = '', other = '', flaps = '4'] = process.argv.slice(2)
const CONNECTIONS = 10

setLink('up', 'lo')
makePair(other)
serveEcho()
const server = await new FakeServer().listen()
const meter = await LiveMeter.start([
  ...['--interface', DEVICE, '--to', server.url, '--key', 'k'],
  ...['--spool', join(directory, 'spool')],
])
const metric = async (name: string): Promise<number> =>
  (await meter.metrics()).sum(`tunmeter_${name}`)

let expected = 0
for (let flap = 0; flap <= Number(flaps); flap++) {
  // Each return is one reopening more: only then is traffic seen again.
  await awaited(
    'the interface is reopened',
    async () => (await metric('interface_reopened_total')) >= flap,
  )
  await awaited('the interface is up', async () => (await metric('interface_up')) === 1)
  await dial(other, CONNECTIONS)
  expected += CONNECTIONS
  // The meter has seen them all before the next flap: what it has not read is not its to lose.
  await awaited(
    'every connection is seen',
    async () => (await metric('sessions_opened_total')) >= expected,
  )
  if (flap === Number(flaps)) break
  if (flap % 2 === 0) setLink('down')
  else deletePair()
  await awaited('the interface is away', async () => (await metric('interface_up')) === 0)
  if (flap % 2 === 0) setLink('up')
  else makePair(other)
}
const reopened = await metric('interface_reopened_total')
const exit = await meter.end('SIGTERM')
const batches = [...server.stored.values()]
const tcp = batches.flatMap((b) => b.sessions).filter((s) => s.destPort === PORT)
const stored = new Set(tcp.map((s) => s.sessionId)).size
const complete = tcp.filter((s) => s.connState === 'SF').length
const gaps = batches.flatMap((b) => b.gaps).filter((g) => g.reason === 'interfaceGone').length
const passed = exit === 0 && stored === expected && gaps >= 1 && reopened === Number(flaps)
const facts = { flaps: Number(flaps), reopened, gaps, expected, stored, complete, exit }
process.stdout.write(JSON.stringify({ passed, facts }))
process.exit(0)
