// A process that ends worker threads in the middle of calls of the addons: `node ended-workers.mjs KIND COUNT CAPTURE`.
// A worker that is being ended can make no JavaScript value any more, and the addon is in the middle of making some.
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const [, , kind, count, capture] = process.argv
const require = createRequire(import.meta.url)

/** What a worker does for ever. */
const CALLS = {
  point() {
    const point = observationPoint()
    point.start()
    return () => {
      point.drain()
      point.status()
      point.setInside(new Uint8Array(18))
    }
  },
  points: () => () => observationPoint().close(),
  engine() {
    const engine = packetEngine()
    return () => {
      engine.counters()
      engine.check()
      engine.records()
      engine.memoryBytes()
    }
  },
  engines: () => () => packetEngine(),
  rows() {
    const { SessionRows, layout } = require('../../build/Release/tunmeter.node')
    const records = new Uint8Array(layout.recordBytes * 8)
    return () =>
      new SessionRows(['', ','], SessionRows.values.slice(0, 2), '\n', '', 'r').write(records)
  },
  csv() {
    const { CsvLines } = require('../../build/Release/tunmeter_csv.node')
    const cells = [
      { kind: 'number', columns: [0] },
      { kind: 'constant', columns: [], text: ',' },
      { kind: 'name', columns: [0], ids: [1, 2], names: ['one', 'two'] },
    ]
    const column = new DataView(new ArrayBuffer(64))
    return () => new CsvLines(['int64'], cells).write(8, [column], [null], column)
  },
}

const TIMES_US = { handshakeUs: 1e6, establishedUs: 1e6, halfClosedUs: 1e6, udpUs: 1e6 }
const LIMITS = { lingerUs: 0, activeTimeoutUs: 0, flowsMax: 64, fragmentsMax: 16 }
const ENGINE = { ...TIMES_US, ...LIMITS, earlyReport: false, recordsAll: true }

function packetEngine() {
  const { PacketEngine } = require('../../build/Release/tunmeter.node')
  return new PacketEngine(ENGINE)
}

function observationPoint() {
  const { ObservationPoint } = require('../../build/Release/tunmeter.node')
  const source = {
    kind: 'file',
    paths: [workerData.capture],
    readAhead: true,
    interface: '',
    filter: '',
  }
  return new ObservationPoint(
    { ...ENGINE, recordQueueBytes: 128 * 1024 },
    { ...source, snaplen: 0, ringBytes: 0 },
    () => {},
  )
}

if (isMainThread) {
  let ended = 0
  for (; ended < Number(count); ended++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: { kind, capture } })
    await once(worker, 'message')
    const until = performance.now() + Math.random() * 2
    while (performance.now() < until);
    await worker.terminate()
  }
  console.log(ended)
} else {
  const call = CALLS[workerData.kind]()
  call()
  parentPort.postMessage('in the middle')
  for (;;) call()
}
