import { PacketEngine } from '../../src/capture/packet-engine.js'
import { INSIDE_SETS, type Scenario } from './scenario.js'

export function makeEngine({ options }: Scenario): PacketEngine {
  const engine = new PacketEngine({
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
  })
  engine.setInside(INSIDE_SETS[options.inside]!)
  return engine
}
