/**
 * A meter of one observation point: a source, an engine on its own thread, and its records in batches. Files may be read
 * on one more thread.
 *
 *   const meter = new FlowMeter({ source: { kind: 'file', paths } })
 *   for await (const batch of meter.records()) for (const record of batch) ...
 *   const { state, errors } = meter.counters()
 *
 * The thread starts when the iteration of records() begins. The iteration ends with the input or after stop(); leaving
 * the loop early stops the meter too. A damaged file ends at the damage, and the next files are still read. `errors` has
 * the fault; it is not thrown, because the packets before the damage are good.
 *
 * Back pressure: with `recordQueueBytes` of records not taken yet, reading of files pauses. A live interface cannot
 * pause, so further records are dropped and counted (`recordsDropped`).
 */
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../../base/errors.js'
import { loadAddon, type NativeObservationPoint, type NativeSource } from './addon.js'
import { type EngineCounters, readCounters } from './counters.js'
import { type EngineOptions, nativeEngineOptions, packPrefixes } from './engine-options.js'
import { RecordBatch } from './record-decode.js'

export type FlowMeterSource =
  | {
      readonly kind: 'file'
      /** In the order of their first packets; files that overlap are merged by time. `-` is standard input. */
      readonly paths: readonly string[]
      /** Read and decode on a second thread, ahead of the engine. Default: only with a second core. */
      readonly readAhead?: boolean
    }
  | {
      readonly kind: 'live'
      readonly interface: string
      /** Bytes kept of each packet. Default: enough for the headers. */
      readonly snaplen?: number
      /** Syntax of pcap-filter(7). */
      readonly filter?: string
      /** Size of the kernel's buffer. */
      readonly ringBytes?: number
    }

/** Absent engine options have their defaults, but `earlyReport` is on for live sources. */
export interface FlowMeterOptions extends Partial<EngineOptions> {
  readonly source: FlowMeterSource
  /** Default: 64 MiB. */
  readonly recordQueueBytes?: number
}

export interface SourceFault {
  /** FILE_TRUNCATED, FILE_DAMAGED, NOT_A_CAPTURE, INTERFACE_MISSING, NO_PERMISSION, ... */
  readonly code: string
  readonly message: string
  readonly byteOffset: number
  /** Index in `paths`. */
  readonly file: number
}

export interface FlowMeterCounters extends EngineCounters {
  /** The kernel's counts for this capture (pcap_stats), summed over reopenings; 0 for files. */
  readonly kernelReceived: number
  readonly kernelDropped: number
  readonly interfaceDropped: number
  /** How often a live interface was opened again. */
  readonly reopened: number
  /** Files that begin before an earlier file ends. */
  readonly filesOverlapping: number
  /** Bytes of the files as stored, compressed or not; `bytesTotal` is 0 if unknown. */
  readonly bytesRead: number
  readonly bytesTotal: number
  /** `gone`: the live interface is absent; `damaged`: some input could not be read; `failed`: no input could be read. */
  readonly state: 'running' | 'gone' | 'ended' | 'damaged' | 'failed'
  readonly errors: readonly SourceFault[]
  /** Why the interface is absent, while the state is `gone`. */
  readonly gone: SourceFault | null
}

const RECORD_QUEUE_BYTES = 64 * 1024 * 1024
const EPOCH_POLL_MS = 5
const EPOCH_WAIT_MS = 250

export class FlowMeter {
  readonly #native: NativeObservationPoint
  #started = false
  #closed = false
  #oldestEpoch = 0
  /** records() has given all that the engine made before this time. While #waits, all until now. */
  #givenMs = 0
  #waits = false
  #wake: () => void = () => {}
  #ended: Promise<void>
  #end: () => void = () => {}

  /** Throws AppError for bad options or a missing addon. Only records() opens the source. */
  constructor(options: FlowMeterOptions) {
    const { source, recordQueueBytes = RECORD_QUEUE_BYTES, ...engine } = options
    const live = source.kind === 'live'
    const engineOptions = nativeEngineOptions({ earlyReport: live, ...engine })
    const { ObservationPoint } = loadAddon()
    this.#native = new ObservationPoint(
      { ...engineOptions, recordQueueBytes },
      nativeSource(source),
      () => this.#wake(),
    )
    this.#ended = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  /** All records, in the order in which the engine made them. May be iterated once. */
  async *records(): AsyncGenerator<RecordBatch> {
    if (this.#started) throw new AppError('METER_USED', 'the records of a meter can be read once')
    this.#started = true
    if (this.#closed) return
    this.#native.start()
    try {
      yield* this.#batches()
    } finally {
      this.#native.stop()
      this.#close()
    }
  }

  async *#batches(): AsyncGenerator<RecordBatch> {
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      const askedMs = Date.now()
      // Read the status before draining: if it says `ended`, all records are already in the queue.
      const { ended, oldestEpoch } = this.#native.status()
      for (const chunk of this.#native.drain()) yield new RecordBatch(chunk)
      this.#oldestEpoch = oldestEpoch
      this.#givenMs = askedMs
      if (ended) return
      this.#waits = true
      await woken
      this.#waits = false
    }
  }

  counters(): FlowMeterCounters {
    const { counters, ended: _, oldestEpoch: __, ...source } = this.#native.status()
    return { ...readCounters(counters), ...source }
  }

  /** The inside addresses. From now on, they are the initiators of sessions that open without a SYN. */
  setInside(prefixes: readonly string[]): void {
    this.#native.setInside(packPrefixes(prefixes))
  }

  /** Begins an epoch for sessions that open from about now on. `epoch` must be larger than the last one. */
  beginEpoch(epoch: number): void {
    this.#native.beginEpoch(epoch)
  }

  /** Resolves when the thread has begun this epoch, but after EPOCH_WAIT_MS at the latest. Live, it takes about 50 ms. */
  async epochBegun(epoch: number): Promise<void> {
    const untilMs = performance.now() + EPOCH_WAIT_MS
    while (this.#started && !this.#closed && this.#native.epochBegun() < epoch) {
      if (performance.now() >= untilMs) return
      await sleep(EPOCH_POLL_MS)
    }
  }

  /** records() gives no more records of sessions that opened in an older epoch. */
  get oldestEpoch(): number {
    return this.#oldestEpoch
  }

  /** records() has given all records that the engine made before this time. */
  get givenMs(): number {
    return this.#waits ? Date.now() : this.#givenMs
  }

  /** Ends the input; open sessions end with reason forcedEnd. Resolves when records() has given the last record. */
  async stop(): Promise<void> {
    if (!this.#started) return this.#close()
    this.#native.stop()
    await this.#ended
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#native.close()
    this.#end()
  }
}

function nativeSource(source: FlowMeterSource): NativeSource {
  const readAhead = availableParallelism() > 1
  const none = { paths: [], readAhead, interface: '', snaplen: 0, filter: '', ringBytes: 0 }
  return { ...none, ...source }
}
