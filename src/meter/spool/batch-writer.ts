/**
 * Makes batches of cuts and appends them to the spool, one after the other.
 *
 * hold() never waits. A failed write is tried again every second, and its cut stays in memory. Beyond `heldBytesMax`
 * the oldest waiting cut is dropped and reported as a gap `spoolWriteFailed`.
 */
import { messageOf } from '../../base/errors.js'
import type { MeterReport } from '../../session/batch.js'
import type { Cut } from './cutter.js'
import { lossOf } from './gaps.js'
import { envelopeOf } from './life.js'
import { makeBatch } from './make-batch.js'
import type { MadeBatch, MakeBatch, Spool } from './spool.js'

const RETRY_MS = 1_000
const HELD_BYTES_MAX = 64 * 1024 * 1024
/** drained() and relieved() make their callers wait while more batches than this are in memory. */
const HELD_BATCHES_SOFT = 2
/** Estimated size of one peer event in memory. */
const PEER_EVENT_BYTES = 512

export interface BatchWriterOptions {
  readonly spool: Spool
  /** The meter's state; called when a batch is made. */
  readonly report: () => MeterReport
  readonly heldBytesMax?: number
  /** Called with the error at each failed write, and with null when a write succeeds again. */
  readonly onTrouble?: (message: string | null) => void
}

export class BatchWriter {
  readonly #spool: Spool
  readonly #options: BatchWriterOptions
  readonly #heldBytesMax: number
  #held: Cut[] = []
  #heldBytes = 0
  #writing: Promise<void> | null = null
  #wake: (() => void) | null = null
  #waiters: (() => void)[] = []
  #giveUp = false
  /** The last write failed. */
  #troubled = false

  constructor(options: BatchWriterOptions) {
    this.#spool = options.spool
    this.#options = options
    this.#heldBytesMax = options.heldBytesMax ?? HELD_BYTES_MAX
  }

  get heldBatches(): number {
    return this.#held.length
  }

  get heldSessions(): number {
    return this.#held.reduce((sum, cut) => sum + cut.sessions, 0)
  }

  /** The cuts behind the first one, which is being written. */
  get waiting(): readonly Cut[] {
    return this.#held.slice(1)
  }

  hold(cut: Cut): void {
    this.#held.push(cut)
    this.#heldBytes += bytesOf(cut)
    // Index 0 is being written, so the oldest cut that may be dropped is index 1.
    while (this.#heldBytes > this.#heldBytesMax && this.#held.length > 1) this.#lose(1)
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null
    })
  }

  /** Backpressure for a source that can wait (a capture file). */
  async drained(): Promise<void> {
    while (this.#held.length > HELD_BATCHES_SOFT) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve))
    }
  }

  /**
   * Backpressure for a source that cannot wait for ever (live capture). It does not wait while writes fail, because
   * then only `heldBytesMax` bounds the memory. It still waits after abandon(), as long as writes succeed.
   */
  async relieved(): Promise<void> {
    while (this.#held.length > HELD_BATCHES_SOFT && !this.#troubled) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve))
    }
  }

  /** Resolves when every held batch is durable, or was given up after abandon(). */
  async flush(): Promise<void> {
    while (this.#writing !== null) await this.#writing
  }

  /** From now on a failed write is not tried again: its batch counts as lost. */
  abandon(): void {
    this.#giveUp = true
    this.#wake?.()
    this.#wakeWaiters()
  }

  async #write(): Promise<void> {
    while (this.#held.length > 0) {
      const cut = this.#held[0]!
      try {
        await this.#spool.append((...args) => this.#make(cut, ...args))
      } catch (error) {
        if (this.#giveUp) {
          this.#lose(0)
          continue
        }
        this.#troubled = true
        this.#wakeWaiters()
        this.#options.onTrouble?.(messageOf(error))
        await this.#pause()
        continue
      }
      if (this.#troubled) this.#options.onTrouble?.(null)
      this.#troubled = false
      this.#forget(0)
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, RETRY_MS)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #lose(index: number): void {
    const cut = this.#held[index]!
    this.#forget(index)
    const span = { fromUs: cut.fromUs, toUs: cut.toUs, madeAtMs: Date.now() }
    if (cut.sessions > 0 || cut.peerEvents !== undefined) {
      this.#spool.lost(lossOf('spoolWriteFailed', { sessions: cut.sessions, ...span }))
    }
  }

  #forget(index: number): void {
    const [cut] = this.#held.splice(index, 1)
    this.#heldBytes -= bytesOf(cut!)
    this.#wakeWaiters()
  }

  #wakeWaiters(): void {
    for (const wake of this.#waiters.splice(0)) wake()
  }

  #make(cut: Cut, ...[number, gaps, life]: Parameters<MakeBatch>): Promise<MadeBatch> {
    const head = {
      meterId: this.#spool.meterId,
      ...envelopeOf(life),
      batch: number,
      report: this.#options.report(),
      gaps,
    }
    const { sinceMs: _, ...sessions } = cut
    return makeBatch(head, sessions)
  }
}

function bytesOf({ json, peerEvents = [] }: Cut): number {
  return json.length + PEER_EVENT_BYTES * peerEvents.length
}
