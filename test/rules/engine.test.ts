/** The engine against hand-computed results: every session rule, every reason of other traffic. */
import { expect } from 'vitest'
import { PacketEngine, PacketPacker } from '../../src/meter/capture/packet-engine.js'
import type { FlowRecord } from '../../src/session/session.js'
import { makeEngine } from '../property/engine-of.js'
import { events } from '../property/scenario.js'
import { type Outcome, type System, testSystem } from './check.js'

function engineOutcome(engine: PacketEngine): Outcome {
  engine.finish()
  const records = [...engine.records()]
  const counters = engine.counters()
  const { packets, bytes, sessions, other, sessionsEnded, evictions, fragmentEvictions } = counters
  expect(engine.check()).toBeNull()
  return {
    records,
    all: { packets, bytes },
    inSessions: sessions,
    other,
    ended: sessionsEnded,
    evictions,
    fragmentEvictions,
  }
}

const engine: System = {
  run(scenario) {
    const meter = makeEngine(scenario)
    const packer = new PacketPacker()
    const records: FlowRecord[] = []
    const flush = () => {
      if (packer.count > 0) meter.feed(packer.take())
      records.push(...meter.records())
    }
    for (const event of events(scenario)) {
      if (event.kind !== 'packet') flush()
      if (event.kind === 'advance') meter.advance(event.ns)
      else if (event.kind === 'inside') meter.setInside(event.prefixes)
      else packer.add({ ...event, timestampNs: event.ns ?? -(2n ** 63n) })
    }
    flush()
    const outcome = engineOutcome(meter)
    return { ...outcome, records: [...records, ...outcome.records] }
  },
  packet({ linkType, data, wireBytes = data.length }) {
    const meter = new PacketEngine()
    const packer = new PacketPacker()
    packer.add({ timestampNs: 0n, linkType, data: Uint8Array.from(data), wireBytes })
    meter.feed(packer.take())
    return engineOutcome(meter)
  },
}

testSystem('engine', engine)
