/**
 * What a catalog of N clients costs a meter: npm run bench:catalog [-- --clients N]
 *
 * CPU of the meter's thread and of all threads, which another load moves less than it does the clock, and peak memory: at
 * the start, and when the file is read again. One client has one address, and one user with a name.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { FlowRecord } from '../src/session/session.js'
import { aFlowRecord } from '../test/support/sessions.ts'
import { describeMachine } from './support/machine.ts'

/** The worker is JavaScript. */
const { readCatalog } = (await import(
  new URL('../dist/meter/run/read-catalog.js', import.meta.url).href
)) as typeof import('../src/meter/run/read-catalog.js')
const { Attributor } = await import('../src/meter/attribution/attributor.js')
const { packPrefixes } = await import('../src/meter/capture/engine-options.js')

const { values: flags } = parseArgs({ options: { clients: { type: 'string', default: '100000' } } })
const count = Number(flags.clients)
const directory = mkdtempSync(join(tmpdir(), 'tunmeter-bench-'))
process.on('exit', () => rmSync(directory, { recursive: true }))
const path = join(directory, 'catalog.json')
writeFileSync(
  path,
  JSON.stringify({
    clients: Array.from({ length: count }, (_, i) => ({
      clientId: i + 1,
      name: `Laptop of employee number ${i}`,
      userId: `user-${i}`,
      publicKey: Buffer.alloc(32, String(i).padStart(8, '_')).toString('base64'),
      addresses: [`10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}/32`],
    })),
    users: Array.from({ length: count }, (_, i) => ({
      userId: `user-${i}`,
      name: `Employee ${i}`,
      email: `employee${i}@example.com`,
    })),
  }),
)

const threadMs = () =>
  Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6
const peakMiB = () =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024

console.log(describeMachine())
const record: FlowRecord = { ...aFlowRecord(), sourceIp: '10.0.0.1', destIp: '10.0.0.2' }
const attributor = new Attributor()
const [cpuBefore, peakBefore] = [process.cpuUsage(), peakMiB()]
let held: unknown = null
let allBefore = 0
for (const what of ['start', 'reload']) {
  const begin = threadMs()
  const catalog = (await readCatalog({ kind: 'file', path }, { users: false }))!
  const read = threadMs()
  attributor.catalogChanged(catalog)
  packPrefixes(attributor.insidePrefixes())
  if (attributor.attribute({ ...record, epoch: attributor.epoch }).clientId !== 2)
    throw new Error('the client was not found')
  const end = threadMs()
  // As by the meter, for interfaces that come.
  held = catalog
  const { user, system } = process.cpuUsage(cpuBefore)
  const all = (user + system) / 1000
  const figures = {
    thread: end - begin,
    taken: read - begin,
    indexed: end - read,
    all: all - allBefore,
  }
  allBefore = all
  const ms = Object.entries(figures).map(([name, value]) => `${name} ${value.toFixed(0)} ms`)
  console.log(`catalog/${what}: ${ms.join(', ')}, peak ${(peakMiB() - peakBefore).toFixed(0)} MiB`)
}
if (held === null) throw new Error('nothing was read')
