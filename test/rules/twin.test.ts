/** The slow twin against hand-computed results: every session rule, every reason of other traffic. */
import { events } from '../property/scenario.js'
import { makeTwin } from '../property/twin-of.js'
import { Twin } from '../support/twin/meter.js'
import { type Outcome, type System, testSystem } from './check.js'

function twinOutcome(twin: Twin): Outcome {
  twin.finish()
  const { records, all, inSessions, other, ended, evictions, fragmentEvictions } = twin
  return { records, all, inSessions, other, ended, evictions, fragmentEvictions }
}

const twin: System = {
  run(scenario) {
    const meter = makeTwin(scenario)
    for (const event of events(scenario)) {
      if (event.kind === 'packet') meter.packet(event)
      else if (event.kind === 'advance') meter.advance(event.ns)
      else meter.setInside(event.prefixes)
    }
    return twinOutcome(meter)
  },
  packet({ linkType, data, wireBytes = data.length }) {
    const meter = new Twin()
    meter.packet({ ns: 0n, linkType, data: Uint8Array.from(data), wireBytes })
    return twinOutcome(meter)
  },
}

testSystem('twin', twin)
