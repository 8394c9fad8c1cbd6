/**
 * A meter of one observation point: a source, an engine on a thread of its own (files: their reader on another), and
 * its records in batches.
 *
 *   const meter = new FlowMeter({ source: { kind: 'file', paths } })
 *   for await (const batch of meter.records()) for (const record of batch) ...
 *   const { state, errors } = meter.counters()
 *
 * The thread starts with the first call of records(). Iteration ends when the input is over or after stop(); leaving the
 * loop early stops the meter too. A file that is damaged ends early, the next files go on, and `errors` says what was
 * wrong; nothing is thrown for it, since what came before it is good.
 *
 * Back pressure: files wait when `recordQueueBytes` of records have not been taken; a live interface does not wait, the
 * records are dropped and counted (`recordsDropped`).
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
      /** In the order of their first packets; those that overlap are merged by time. `-` is standard input. */
      readonly paths: readonly string[]
      /** Read and decode on a second thread ahead of the engine's; when absent, if there is a second core. */
      readonly readAhead?: boolean
    }
  | {
      readonly kind: 'live'
      readonly interface: string
      /** Bytes kept of a packet; enough for headers when absent. */
      readonly snaplen?: number
      /** pcap-filter(7). */
      readonly filter?: string
      /** The kernel's buffer. */
      readonly ringBytes?: number
    }

/** Engine options that are absent have their defaults; `earlyReport` is on for live sources. */
export interface FlowMeterOptions extends Partial<EngineOptions> {
  readonly source: FlowMeterSource
  /** 64 MiB when absent. */
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
  /** By the kernel for us (pcap_stats), over reopenings; 0 for files. */
  readonly kernelReceived: number
  readonly kernelDropped: number
  readonly interfaceDropped: number
  /** How often a live interface came back. */
  readonly reopened: number
  /** Files that began before one of those before them was over. */
  readonly filesOverlapping: number
  /** Of the files as stored, compressed or not; total 0 when unknown. */
  readonly bytesRead: number
  readonly bytesTotal: number
  /** `gone`: the live interface is away; `damaged`: a file was, others or parts were read; `failed`: nothing was. */
  readonly state: 'running' | 'gone' | 'ended' | 'damaged' | 'failed'
  readonly errors: readonly SourceFault[]
  /** While the state is `gone`: why. */
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
  /** What the engine had made by then was given; while it waits for more that is now. */
  #givenMs = 0
  #waits = false
  #wake: () => void = () => {}
  #ended: Promise<void>
  #end: () => void = () => {}

  /** Throws AppError for bad options and for an addon that is missing. The source is opened by records(). */
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

  /** All records, in the order in which the engine made them. May be called once. */
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
      // Asked before draining: what the thread made before it ended is in the queue by then.
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

  /** Prefixes whose addresses are inside: initiators of sessions that open from now on without a SYN. */
  setInside(prefixes: readonly string[]): void {
    this.#native.setInside(packPrefixes(prefixes))
  }

  /** Sessions that open from about now on belong to it; it is larger than the last one. */
  beginEpoch(epoch: number): void {
    this.#native.beginEpoch(epoch)
  }

  /** Resolves when sessions open in this epoch; live that takes 50 ms, unless the thread is busy otherwise. */
  async epochBegun(epoch: number): Promise<void> {
    const untilMs = performance.now() + EPOCH_WAIT_MS
    while (this.#started && !this.#closed && this.#native.epochBegun() < epoch) {
      if (performance.now() >= untilMs) return
      await sleep(EPOCH_POLL_MS)
    }
  }

  /** records() gives no more of sessions that began in an older one. */
  get oldestEpoch(): number {
    return this.#oldestEpoch
  }

  /** records() has given all that the engine made before this time. */
  get givenMs(): number {
    return this.#waits ? Date.now() : this.#givenMs
  }

  /** Ends the input: open sessions come out with reason forcedEnd. Resolves when records() has given the last. */
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
