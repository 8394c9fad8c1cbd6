/**
 * The cost of hostile traffic for other flows: npm run bench:flood [-- --write]
 *
 * 50,000 well-behaved flows send data. A flood comes between their packets, 10,000 packets of each
 * kind alternating. Only the calls with well-behaved packets are timed. Engines with and without
 * the flood alternate, so that other work on the machine affects both.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { EngineOptions } from '../src/meter/capture/engine-options.js'
import { PacketEngine, PacketPacker } from '../src/meter/capture/packet-engine.js'
import { FLAG, ipv4, tcp } from '../test/support/packets.js'
import { describeMachine, median } from './support/machine.js'

const { values: flags } = parseArgs({
  options: {
    write: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
  },
})
const FLOWS = 50_000
const FEED_PACKETS = 10_000
const FLOOD_FEEDS = flags.smoke ? 3 : 100
const START_NS = 1_700_000_000_000_000_000n
/**
 * Time between two feeds of each kind. If time stood still, all flows would have been idle equally
 * long.
 */
const FEED_NS = 1_000_000n
const FLOWS_MAX_AT_CAP = 500_000

const template = Uint8Array.from(
  ipv4(
    { from: '10.0.0.0', to: '192.0.2.1', protocol: 6 },
    tcp({ from: 0, to: 443, flags: FLAG.syn }),
  ),
)

type Change = (packet: Uint8Array, i: number) => void

/** Feeds of changed packets; feed n is n ms after the start. */
function feedsOf(count: number, change: Change): Uint8Array[] {
  const packer = new PacketPacker(FEED_PACKETS * 72)
  const feeds: Uint8Array[] = []
  for (let i = 0; i < count * FEED_PACKETS; i++) {
    const data = template.slice()
    change(data, i)
    packer.add({ timestampNs: START_NS + BigInt(feeds.length) * FEED_NS, data })
    if (packer.count === FEED_PACKETS) feeds.push(packer.take())
  }
  return feeds
}

/** Addresses in 10.0.0.0/8, for well-behaved flows. */
function fromFlow(data: Uint8Array, flow: number): void {
  data.set([(flow >>> 16) & 255, (flow >>> 8) & 255, flow & 255], 13)
  data.set([(flow >>> 8) & 255, flow & 255], 20)
}

/** Addresses in 100.0.0.0/8, for the flood. */
function fromStranger(data: Uint8Array, i: number): void {
  data.set([100, (i >>> 16) & 255, (i >>> 8) & 255, i & 255], 12)
}

interface Flood {
  readonly name: string
  readonly options?: Partial<EngineOptions>
  readonly change: Change
  /** Must hold afterwards; otherwise the figure means nothing. */
  readonly happened: (engine: PacketEngine, packets: number) => boolean
}

const FLOODS: readonly Flood[] = [
  {
    name: 'SYN from a new source each',
    change: fromStranger,
    happened: (engine, packets) => engine.counters().openSessions === FLOWS + packets,
  },
  {
    // A hash without a secret that adds or xors words has few values here.
    name: 'five-tuples of equal sums and xors',
    change: (data, i) => {
      const [a, b, c] = [(i >>> 16) & 255, (i >>> 8) & 255, i & 255]
      data.set([100, a, b, c, 100, a, b, c], 12)
      data.set([b, c, b, c], 20)
    },
    happened: (engine, packets) => engine.counters().openSessions === FLOWS + packets,
  },
  {
    name: 'later fragments without a first',
    change: (data, i) => {
      fromStranger(data, i >>> 12)
      data.set([(i >>> 8) & 255, i & 255], 4)
      data.set([0, 100], 6)
    },
    happened: (engine) => engine.counters().fragmentEvictions > 0,
  },
  {
    name: 'SYN from a new source each, table at its cap',
    options: { flowsMax: FLOWS_MAX_AT_CAP },
    change: (data, i) => fromStranger(data, i),
    happened: (engine, packets) =>
      engine.counters().evictions === Math.max(0, FLOWS + packets - FLOWS_MAX_AT_CAP),
  },
]

function openFlows(options: Partial<EngineOptions> = {}): PacketEngine {
  const engine = new PacketEngine({ records: 'none', ...options })
  for (const feed of feedsOf(FLOWS / FEED_PACKETS, fromFlow)) engine.feed(feed)
  return engine
}

function timed(engine: PacketEngine, feed: Uint8Array): number {
  const start = performance.now()
  engine.feed(feed)
  return ((performance.now() - start) * 1e6) / FEED_PACKETS
}

function measure(flood: Flood, good: readonly Uint8Array[]) {
  const alone = openFlows()
  const flooded = openFlows(flood.options)
  const bad = feedsOf(FLOOD_FEEDS, flood.change)
  const ns = { alone: [] as number[], flooded: [] as number[], flood: [] as number[] }
  for (const [i, feed] of bad.entries()) {
    ns.flood.push(timed(flooded, feed))
    ns.alone.push(timed(alone, good[i]!))
    ns.flooded.push(timed(flooded, good[i]!))
  }
  const packets = bad.length * FEED_PACKETS
  if (!flood.happened(flooded, packets)) throw new Error(`${flood.name}: it did not happen`)
  // Packets of an evicted well-behaved flow would count as stray.
  if (flooded.counters().other.stray.packets > 0) throw new Error(`${flood.name}: flows were lost`)
  return {
    name: flood.name,
    packets,
    nsAlone: median(ns.alone),
    nsFlooded: median(ns.flooded),
    nsOfFloodPacket: median(ns.flood),
    ratio: median(ns.flooded) / median(ns.alone),
    memoryBytesAlone: alone.memoryBytes(),
    memoryBytes: flooded.memoryBytes(),
    evictions: flooded.counters().evictions,
    fault: flooded.check(),
  }
}

// Each flow sends once in five feeds, in an order that no cache can follow. In a random order, a
// few flows would pause so long that they would rightly be the ones idle longest.
const STRIDE = 15_013
const good = feedsOf(FLOOD_FEEDS, (data, i) => {
  fromFlow(data, (i * STRIDE) % FLOWS)
  data[33] = FLAG.ack | FLAG.psh
})
const machine = describeMachine()
const results = FLOODS.map((flood) => measure(flood, good))
for (const r of results) {
  const mib = (r.memoryBytes / 2 ** 20).toFixed(0)
  process.stdout.write(
    `${r.name.padEnd(46)} ${r.nsAlone.toFixed(1).padStart(6)} ns alone, ${r.nsFlooded.toFixed(1).padStart(6)} ns flooded: ` +
      `${r.ratio.toFixed(2)}x; a flood packet ${r.nsOfFloodPacket.toFixed(1)} ns; ${mib} MiB\n`,
  )
  if (r.fault !== null) throw new Error(r.fault)
}
if (flags.write) {
  mkdirSync('bench/results', { recursive: true })
  writeFileSync('bench/results/flood.json', `${JSON.stringify({ machine, results }, null, 1)}\n`)
}
