/**
 * One micro benchmark of the engine, in a process of its own:
 * `node --import tsx bench/engine-case.ts NAME [--smoke]`. `--list` prints the names. bench/run.mjs starts it.
 *
 * Packets enter through the addon's batch entry (PacketEngine.feed), 10,000 a call. So the figures
 * contain the crossing of the native boundary and the unpacking of a batch: about 2 ns a packet.
 * Each case checks its result before it is timed.
 */
import { parseArgs } from 'node:util'
import { Bench } from 'tinybench'
import type { EngineOptions } from '../src/meter/capture/engine-options.js'
import { PacketEngine, PacketPacker } from '../src/meter/capture/packet-engine.js'
import { FLAG, ipv4, LINKS, type LinkName, tcp } from '../test/support/packets.js'
import { Random } from './support/random.js'

const FEED_PACKETS = 10_000
const START_NS = 1_700_000_000_000_000_000n
const SECOND_NS = 1_000_000_000n

interface Case {
  /** Operations in one call of `run`. */
  readonly operations: number
  readonly prepare?: () => void
  readonly run: () => void
}

const template = Uint8Array.from(
  ipv4(
    { from: '10.0.0.0', to: '192.0.2.1', protocol: 6 },
    tcp({ from: 0, to: 443, flags: FLAG.ack }),
  ),
)

/** A TCP packet of flow `i`: a SYN, or data of the session that the SYN opened. */
function packet(i: number, flags: number): Uint8Array {
  const data = template.slice()
  data.set([(i >>> 16) & 255, (i >>> 8) & 255, i & 255], 13)
  data.set([(i >>> 8) & 255, i & 255], 20)
  data[33] = flags
  return data
}

/** Packed feeds with a packet of each of `flows`, in order. */
function feeds(flows: Iterable<number>, flags: number, timestampNs = START_NS): Uint8Array[] {
  const packer = new PacketPacker(FEED_PACKETS * 72)
  const packed: Uint8Array[] = []
  for (const i of flows) {
    packer.add({ timestampNs, data: packet(i, flags) })
    if (packer.count === FEED_PACKETS) packed.push(packer.take())
  }
  if (packer.count > 0) packed.push(packer.take())
  return packed
}

function* range(from: number, count: number): Generator<number> {
  for (let i = 0; i < count; i++) yield from + i
}

function* randomFlows(count: number, flows: number): Generator<number> {
  const random = new Random(1)
  for (let i = 0; i < count; i++) yield random.below(flows)
}

function engineWith(flows: number, options: Partial<EngineOptions> = {}): PacketEngine {
  const engine = new PacketEngine({ records: 'none', ...options })
  for (const feed of feeds(range(0, flows), FLAG.syn)) engine.feed(feed)
  expect(engine.counters().openSessions, flows)
  return engine
}

function expect(actual: number, expected: number): void {
  if (actual !== expected) throw new Error(`expected ${expected}, got ${actual}`)
}

function hit(flows: number): Case {
  const engine = engineWith(flows)
  const packed = feeds(randomFlows(Math.min(flows, 1_000_000), flows), FLAG.ack | FLAG.psh)
  for (const feed of packed) engine.feed(feed)
  expect(engine.counters().sessionsOpened, flows)
  let at = 0
  return {
    operations: FEED_PACKETS,
    run: () => {
      engine.feed(packed[at]!)
      at = (at + 1) % packed.length
    },
  }
}

function insert(flows: number): Case {
  const packed = feeds(range(0, flows), FLAG.syn)
  let engine = engineWith(0)
  return {
    operations: flows,
    prepare: () => {
      if (engine.counters().packets > 0) expect(engine.counters().openSessions, flows)
      engine = new PacketEngine({ records: 'none' })
    },
    run: () => {
      for (const feed of packed) engine.feed(feed)
    },
  }
}

function expire(flows: number): Case {
  let engine = engineWith(flows)
  engine.advance(START_NS + 60n * SECOND_NS)
  expect(engine.counters().sessionsEnded.idleTimeout, flows)
  return {
    operations: flows,
    prepare: () => {
      engine = engineWith(flows)
    },
    run: () => engine.advance(START_NS + 60n * SECOND_NS),
  }
}

function evict(flows: number): Case {
  const engine = engineWith(flows, { flowsMax: flows })
  // More flows than fit, so that none is in the table when it comes again.
  const packed = feeds(range(flows, flows + 100 * FEED_PACKETS), FLAG.syn)
  engine.feed(packed[0]!)
  expect(engine.counters().sessionsEnded.lackOfResources, FEED_PACKETS)
  let at = 1
  return {
    operations: FEED_PACKETS,
    run: () => {
      engine.feed(packed[at]!)
      at = (at + 1) % packed.length
    },
  }
}

function decode(link: LinkName): Case {
  const { linkType, wrap } = LINKS[link]
  const data = Uint8Array.from(wrap([...packet(1, FLAG.syn)]))
  const packer = new PacketPacker(FEED_PACKETS * 128)
  for (let i = 0; i < FEED_PACKETS; i++) packer.add({ timestampNs: START_NS, data, linkType })
  const packed = packer.take()
  const engine = new PacketEngine({ records: 'none' })
  engine.feed(packed)
  expect(engine.counters().sessions.packets, FEED_PACKETS)
  return { operations: FEED_PACKETS, run: () => engine.feed(packed) }
}

function records(decodeOne: (batch: ReturnType<PacketEngine['records']>) => number): Case {
  const engine = engineWith(FEED_PACKETS, { records: 'all' })
  engine.finish()
  const batch = engine.records()
  expect(batch.count, FEED_PACKETS)
  expect(decodeOne(batch), FEED_PACKETS * 40)
  return { operations: FEED_PACKETS, run: () => void decodeOne(batch) }
}

function allFields(batch: ReturnType<PacketEngine['records']>): number {
  let bytes = 0
  for (const record of batch) bytes += record.bytesTx
  return bytes
}

function threeFields(batch: ReturnType<PacketEngine['records']>): number {
  const reader = batch.reader()
  let bytes = 0
  for (let i = 0; i < batch.count; i++) {
    reader.move(i)
    if (reader.sourceIp !== '' && reader.destPort !== 0) bytes += reader.bytesTx
  }
  return bytes
}

const DECODE_LINKS = [
  'raw',
  'nullLittle',
  'ethernet',
  'qinq',
  'snap',
  'mpls',
  'pppoe',
  'ppp',
  'sll',
  'sll2',
  'nflog',
] as const

const CASES: Readonly<Record<string, () => Case>> = {
  'flow-table/hit/10k': () => hit(10_000),
  'flow-table/hit/50k': () => hit(50_000),
  'flow-table/hit/1M': () => hit(1_000_000),
  'flow-table/insert/50k': () => insert(50_000),
  'flow-table/insert/1M': () => insert(1_000_000),
  'flow-table/expire/50k': () => expire(50_000),
  'flow-table/evict/50k': () => evict(50_000),
  'flow-table/evict/1M': () => evict(1_000_000),
  ...Object.fromEntries(DECODE_LINKS.map((link) => [`decode/${link}`, () => decode(link)])),
  'record-decode/all-fields': () => records(allFields),
  'record-decode/three-fields': () => records(threeFields),
}

const { values: flags, positionals } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})

if (flags.list) {
  process.stdout.write(`${Object.keys(CASES).join('\n')}\n`)
} else {
  const [name = ''] = positionals
  const make = CASES[name]
  if (make === undefined) throw new Error(`no case ${name}; --list prints them`)
  const one = make()
  const bench = new Bench(
    flags.smoke
      ? { time: 0, iterations: 2, warmup: false }
      : { time: 1000, iterations: 10, warmupIterations: 2 },
  )
  const hooks = one.prepare === undefined ? {} : { beforeEach: one.prepare }
  bench.add(name, one.run, hooks)
  await bench.run()
  const result = bench.tasks[0]!.result
  if (!('latency' in result)) throw new Error(`${name} gave no result: ${JSON.stringify(result)}`)
  // tinybench gives milliseconds a run.
  const nsPerOperation = (result.latency.p50 * 1e6) / one.operations
  process.stdout.write(
    `${JSON.stringify({ name, nsPerOperation, operations: one.operations, runs: result.latency.samplesCount })}\n`,
  )
}
