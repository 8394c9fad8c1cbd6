/**
 * The meter's capture alone, with records drained and dropped, for the comparison with tcpdump in
 * bench/live.ts.
 */
import { FlowMeter } from '../src/meter/capture/flow-meter.ts'

const meter = new FlowMeter({
  source: { kind: 'live', interface: process.argv[2]!, snaplen: 96 },
  earlyReport: true,
})
let records = 0
process.on('SIGINT', () => void meter.stop())
for await (const batch of meter.records()) records += batch.count
process.stdout.write(`${JSON.stringify({ ...meter.counters(), records })}\n`)
