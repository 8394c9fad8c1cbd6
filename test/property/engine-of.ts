import type { EngineOptions } from '../../src/meter/capture/engine-options.js'
import { PacketEngine } from '../../src/meter/capture/packet-engine.js'
import { INSIDE_SETS, type Scenario } from './scenario.js'

/** As PacketEngine and FlowMeter take them. */
export function engineOptions(options: Scenario['options']): Partial<EngineOptions> {
  return {
    timeouts: {
      handshakeMs: options.handshakeUs / 1000,
      establishedMs: options.establishedUs / 1000,
      halfClosedMs: options.halfClosedUs / 1000,
      udpMs: options.udpUs / 1000,
    },
    lingerMs: options.lingerUs / 1000,
    activeTimeoutMs: options.activeUs / 1000,
    flowsMax: options.flowsMax,
    fragmentsMax: options.fragmentsMax,
    earlyReport: options.earlyReport,
  }
}

export function makeEngine({ options }: Scenario): PacketEngine {
  const engine = new PacketEngine(engineOptions(options))
  engine.setInside(INSIDE_SETS[options.inside]!)
  return engine
}
