/**
 * Sessions in, batches in the spool out.
 *
 * A batch is cut at BATCH_SESSIONS_MAX sessions, at BATCH_BYTES_MAX of JSON, or when its first session has waited
 * `ageMs`. add() never waits; what the disk does not take is held in memory up to `heldBytesMax`, then the oldest
 * held batch goes, counted as `spoolWriteFailed`.
 */
import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import { asciiBytes, ByteWriter } from '../../base/byte-writer.js'
import { messageOf } from '../../base/errors.js'
import { BATCH_BYTES_MAX, BATCH_SESSIONS_MAX, type MeterReport } from '../../session/batch.js'
import type { Session } from '../../session/session.js'
import { lossOf } from './gaps.js'
import { envelopeOf } from './life.js'
import { writeSession } from './session-json.js'
import type { MadeBatch, MakeBatch, Spool } from './spool.js'

const gzipAsync = promisify(gzip)

/** The envelope of a batch: report and gaps. 256 gaps of 200 bytes and a report of a few KiB fit. */
const ENVELOPE_BYTES = 128 * 1024
/** Sessions repeat each other so much that more effort buys little. */
const GZIP_LEVEL = constants.Z_BEST_SPEED
/** Node's own 16 KiB would be dozens of pieces, each a turn of the event loop. */
const GZIP_CHUNK_BYTES = 512 * 1024
const RETRY_MS = 1_000
const HELD_BYTES_MAX = 64 * 1024 * 1024
/** Batches that wait for the disk before drained() makes a file's reader wait. */
const HELD_BATCHES_SOFT = 2

export interface BatcherOptions {
  readonly spool: Spool
  /** The meter's state; asked for when a batch is made. */
  readonly report: () => MeterReport
  /** Null: only size cuts a batch, so that the same input makes the same batches (replay). */
  readonly ageMs: number | null
  readonly sessionsMax?: number
  /** The first so many batches are known to be stored or spooled: made and thrown away (replay). */
  readonly skipBatches?: number
  readonly heldBytesMax?: number
  /** Told when the disk does not take a batch (again and again), and null when it does again. */
  readonly onTrouble?: (message: string | null) => void
}

export interface Cut {
  /** JSON of the sessions, with commas between. */
  readonly json: Uint8Array
  readonly sessions: number
  readonly fromUs: number
  readonly toUs: number
}

export class Batcher {
  readonly #spool: Spool
  readonly #options: BatcherOptions
  readonly #sessionsMax: number
  readonly #heldBytesMax: number
  /** Of the sessions that are in no batch yet, a comma after each. */
  readonly #json = new ByteWriter()
  #sessions = 0
  #fromUs = Number.POSITIVE_INFINITY
  #toUs = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | null = null
  #held: Cut[] = []
  #heldBytes = 0
  #writing: Promise<void> | null = null
  #wake: (() => void) | null = null
  #waiters: (() => void)[] = []
  #giveUp = false
  /** The disk has refused the last batch. */
  #troubled = false
  #skip: number

  constructor(options: BatcherOptions) {
    this.#spool = options.spool
    this.#options = options
    this.#sessionsMax = Math.min(options.sessionsMax ?? BATCH_SESSIONS_MAX, BATCH_SESSIONS_MAX)
    this.#skip = options.skipBatches ?? 0
    this.#heldBytesMax = options.heldBytesMax ?? HELD_BYTES_MAX
  }

  add(session: Session): void {
    const before = this.#json.length
    writeSession(this.#json, session)
    this.#json.bytes(COMMA)
    if (this.#json.length > BATCH_BYTES_MAX - ENVELOPE_BYTES) this.#cut(before)
    this.#sessions++
    if (session.startTimeUs < this.#fromUs) this.#fromUs = session.startTimeUs
    if (session.endTimeUs > this.#toUs) this.#toUs = session.endTimeUs
    if (this.#sessions >= this.#sessionsMax) this.#cut()
    else if (this.#timer === null && this.#options.ageMs !== null) {
      this.#timer = setTimeout(() => this.#cut(), this.#options.ageMs)
    }
  }

  /** Sessions that are not on disk yet. */
  get heldSessions(): number {
    return this.#held.reduce((sum, cut) => sum + cut.sessions, this.#sessions)
  }

  /** A batch without sessions, for its report and gaps. */
  beat(): void {
    if (this.#sessions === 0 && this.#held.length === 0) this.#hold(EMPTY_CUT)
  }

  /** Resolves when a reader that can wait may go on. */
  async drained(): Promise<void> {
    while (this.#held.length > HELD_BATCHES_SOFT) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve))
    }
  }

  /**
   * The same for one that cannot wait for ever: not while the disk refuses, for then only the bound helps. Also after
   * abandon(): a disk that takes batches is waited for to the end.
   */
  async relieved(): Promise<void> {
    while (this.#held.length > HELD_BATCHES_SOFT && !this.#troubled) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve))
    }
  }

  /** Resolves when everything added so far is durable, or was given up by abandon(). */
  async flush(): Promise<void> {
    this.#cut()
    while (this.#writing !== null) await this.#writing
  }

  /** From now on what the disk refuses is not tried again but counted as lost; what it takes is not lost. */
  abandon(): void {
    this.#giveUp = true
    this.#wake?.()
    this.#wakeWaiters()
  }

  /** @param bytes of #json that belong to the sessions counted so far */
  #cut(bytes = this.#json.length): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#sessions === 0) return
    const cut = this.#takeCut(bytes)
    if (this.#skip > 0) this.#skip--
    else this.#hold(cut)
    this.#sessions = 0
    this.#fromUs = Number.POSITIVE_INFINITY
    this.#toUs = Number.NEGATIVE_INFINITY
  }

  #takeCut(bytes: number): Cut {
    const json = this.#json.take(bytes)
    return {
      json: json.subarray(0, -COMMA.length),
      sessions: this.#sessions,
      fromUs: this.#fromUs,
      toUs: this.#toUs,
    }
  }

  #hold(cut: Cut): void {
    this.#held.push(cut)
    this.#heldBytes += cut.json.length
    // The first is being written; the oldest that is not goes.
    while (this.#heldBytes > this.#heldBytesMax && this.#held.length > 1) this.#lose(1)
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null
    })
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
    if (cut.sessions > 0) {
      this.#spool.lost(lossOf('spoolWriteFailed', { sessions: cut.sessions, ...span }))
    }
  }

  #forget(index: number): void {
    const [cut] = this.#held.splice(index, 1)
    this.#heldBytes -= cut!.json.length
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
    return makeBatch(head, cut)
  }
}

const COMMA = asciiBytes(',')
const EMPTY_CUT: Cut = { json: new Uint8Array(0), sessions: 0, fromUs: 0, toUs: 0 }

/** The body of a batch, from what stands before its sessions and these. */
export async function makeBatch(
  head: object,
  { json: sessionsJson, ...cut }: Cut,
): Promise<MadeBatch> {
  const before = `${JSON.stringify(head).slice(0, -1)},"sessions":[`
  const json = Buffer.concat([Buffer.from(before), sessionsJson, Buffer.from(']}')])
  const body = await gzipAsync(json, { level: GZIP_LEVEL, chunkSize: GZIP_CHUNK_BYTES })
  return { body, textBytes: json.length, ...cut }
}
