import { Twin } from '../support/twin/meter.js'
import { INSIDE_SETS, type Scenario } from './scenario.js'

export function makeTwin({ options }: Scenario): Twin {
  return new Twin({
    timeouts: {
      handshake: options.handshakeUs,
      established: options.establishedUs,
      halfClosed: options.halfClosedUs,
      udp: options.udpUs,
      linger: options.lingerUs,
      active: options.activeUs,
    },
    flowsMax: options.flowsMax,
    fragmentsMax: options.fragmentsMax,
    earlyReport: options.earlyReport,
    inside: INSIDE_SETS[options.inside]!,
  })
}
