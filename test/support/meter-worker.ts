/** A worker thread that meters; for the test that ends it in the middle. `workerData.paths`: files. */
import { parentPort, workerData } from 'node:worker_threads'
import { FlowMeter } from '../../src/meter/capture/flow-meter.js'

const { paths, take } = workerData as { paths: string[]; take: boolean }
const meter = new FlowMeter({ source: { kind: 'file', paths }, recordQueueBytes: 128 * 1024 })
let records = 0
for await (const batch of meter.records()) {
  records += batch.count
  parentPort?.postMessage('records')
  // Never comes: the engine's thread fills the queue and waits.
  if (!take) await new Promise(() => {})
}
parentPort?.postMessage(records)
