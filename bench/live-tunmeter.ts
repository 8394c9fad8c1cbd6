/** The meter's capture half alone, records drained and thrown away: what bench/live.ts compares with tcpdump. */
import { FlowMeter } from '../src/meter/capture/flow-meter.ts'

const meter = new FlowMeter({
  source: { kind: 'live', interface: process.argv[2]!, snaplen: 96 },
  earlyReport: true,
})
let records = 0
process.on('SIGINT', () => void meter.stop())
for await (const batch of meter.records()) records += batch.count
process.stdout.write(`${JSON.stringify({ ...meter.counters(), records })}\n`)
