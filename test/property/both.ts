/** One scenario through the engine and through the twin: what differs? */
import type { EngineCounters } from '../../src/meter/capture/counters.js'
import { type PacketEngine, PacketPacker } from '../../src/meter/capture/packet-engine.js'
import type { Twin } from '../support/twin/meter.js'
import { OTHER_REASONS } from '../support/twin/reader.js'
import { makeEngine } from './engine-of.js'
import { type Event, events, type Scenario } from './scenario.js'
import { makeTwin } from './twin-of.js'

const NO_TIMESTAMP = -(2n ** 63n)

type Plain = Record<string, unknown>

/** Null, or the first difference in words. `check` walks the engine's structures after every feed. */
export function difference(scenario: Scenario, check = false): string | null {
  const engine = makeEngine(scenario)
  const twin = makeTwin(scenario)
  const packer = new PacketPacker(4096)
  const records: Plain[] = []
  // On several clocks the twin ends a session when its next packet comes, the engine a little earlier.
  const clocks = new Set(scenario.conversations.map((each) => each.interface ?? 0)).size
  const flush = (atEnd = false): string | null => {
    if (packer.count > 0) engine.feed(packer.take())
    records.push(...allFields(engine))
    const broken = check ? engine.check() : null
    if (broken !== null || (clocks > 1 && !atEnd)) return broken
    const [oldest, want] = [engine.oldestEpoch(), twin.oldestEpoch]
    if (oldest !== want) return `oldest epoch: engine ${oldest}, twin ${want}`
    return differentCounters(engine.counters(), twin)
  }
  for (const event of events(scenario)) {
    if (event.kind !== 'packet' || packer.count >= scenario.feedPackets) {
      const found = flush()
      if (found !== null) return found
    }
    take(event, engine, twin, packer)
  }
  const found = flush()
  if (found !== null) return found
  engine.finish()
  twin.finish()
  return flush(true) ?? differentRecords(records, twin.records as unknown as Plain[])
}

/** Every field of a binary record, also those that a FlowRecord leaves out. */
function allFields(engine: PacketEngine): Plain[] {
  const batch = engine.records()
  const reader = batch.reader()
  return Array.from({ length: batch.count }, (_, i) => ({
    ...reader.move(i).record(),
    icmpError: reader.icmpError,
  }))
}

function take(event: Event, engine: PacketEngine, twin: Twin, packer: PacketPacker): void {
  if (event.kind === 'advance') {
    engine.advance(event.ns)
    twin.advance(event.ns)
    engine.beginEpoch(++twin.epoch)
  } else if (event.kind === 'inside') {
    engine.setInside(event.prefixes)
    twin.setInside(event.prefixes)
    engine.beginEpoch(++twin.epoch)
  } else {
    const { kind: _, ns, ...packet } = event
    packer.add({ timestampNs: ns ?? NO_TIMESTAMP, ...packet })
    twin.packet({ ns, ...packet })
  }
}

function differentCounters(engine: EngineCounters, twin: Twin): string | null {
  const { pending } = twin
  const pairs: [string, number | null, number | null][] = [
    ['packets', engine.packets, twin.all.packets],
    ['bytes', engine.bytes, twin.all.bytes],
    ['packets in sessions', engine.sessions.packets, twin.inSessions.packets],
    ['bytes in sessions', engine.sessions.bytes, twin.inSessions.bytes],
    ['pending packets', engine.pending.packets, pending.packets],
    ['pending bytes', engine.pending.bytes, pending.bytes],
    ['sessions opened', engine.sessionsOpened, twin.sessionsOpened],
    ['open sessions', engine.openSessions, twin.openSessions],
    ['evictions', engine.evictions, twin.evictions],
    ['fragment evictions', engine.fragmentEvictions, twin.fragmentEvictions],
    ['SYNs that could not wait', engine.waitingSynsFull, twin.waitingSynsFull],
    ['engine time', engine.engineTimeUs ?? 0, twin.now],
  ]
  for (const reason of OTHER_REASONS) {
    const [got, want] = [engine.other[reason], twin.other[reason]]
    pairs.push([`other ${reason} packets`, got.packets, want.packets])
    pairs.push([`other ${reason} bytes`, got.bytes, want.bytes])
  }
  for (const reason of Object.keys(twin.ended) as (keyof typeof twin.ended)[]) {
    pairs.push([`ended ${reason}`, engine.sessionsEnded[reason], twin.ended[reason]])
  }
  for (const [name, got, want] of pairs) {
    if (got !== want) return `${name}: engine ${got}, twin ${want}`
  }
  return null
}

/** By sequence; the reports of one session in the order they came out. */
function bySequence(records: readonly Plain[]): Plain[] {
  return [...records].sort((a, b) => (a.sequence as number) - (b.sequence as number))
}

function differentRecords(engine: readonly Plain[], twin: readonly Plain[]): string | null {
  const [got, want] = [bySequence(engine), bySequence(twin)]
  for (let i = 0; i < Math.max(got.length, want.length); i++) {
    const [ours, theirs] = [got[i], want[i]]
    if (ours === undefined) return `the engine has no record for ${JSON.stringify(theirs)}`
    if (theirs === undefined) return `the twin has no record for ${JSON.stringify(ours)}`
    for (const field of Object.keys(theirs)) {
      if (ours[field] !== theirs[field]) {
        return (
          `record ${i}, ${field}: engine ${ours[field]}, twin ${theirs[field]}\n` +
          `engine ${JSON.stringify(ours)}\ntwin   ${JSON.stringify(theirs)}`
        )
      }
    }
  }
  return null
}
