/** The product's own path over a capture file: source, engine thread with or without a reader ahead, record queue. */
import { FlowMeter } from '../../src/meter/capture/flow-meter.js'
import type { FlowRecord } from '../../src/session/session.js'
import type { Meter } from './meters.js'

const engine =
  (readAhead: boolean): Meter =>
  async (path) => {
    const meter = new FlowMeter({ source: { kind: 'file', paths: [path], readAhead } })
    const records: FlowRecord[] = []
    for await (const batch of meter.records()) records.push(...batch)
    const { packets, bytes, sessions, other, pending, errors } = meter.counters()
    return {
      records,
      all: { packets, bytes },
      inSessions: sessions,
      other,
      pending,
      damage: errors[0]?.message ?? null,
    }
  }

export const runEngine = engine(false)
export const runEngineAhead = engine(true)
