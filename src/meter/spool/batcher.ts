/**
 * Sessions in, batches in the spool out: a cutter and a writer.
 *
 * A batch is cut at BATCH_SESSIONS_MAX sessions, at BATCH_BYTES_MAX of JSON (cutter.ts), or when its first session has
 * waited `ageMs`. add() never waits; what becomes of a cut is in batch-writer.ts.
 */
import { BATCH_SESSIONS_MAX } from '../../session/batch.js'
import { BATCH_PEER_EVENTS_MAX, type PeerEvent } from '../../session/peer-event.js'
import type { Session } from '../../session/session.js'
import { BatchWriter, type BatchWriterOptions } from './batch-writer.js'
import { type Cut, Cutter } from './cutter.js'

export interface BatcherOptions extends BatchWriterOptions {
  /** Null: only size cuts a batch, so that the same input makes the same batches (replay). */
  readonly ageMs: number | null
  readonly sessionsMax?: number
  /** The first so many batches are known to be stored or spooled: made and thrown away (replay). */
  readonly skipBatches?: number
}

const EMPTY_CUT: Cut = {
  json: new Uint8Array(0),
  sessions: 0,
  fromUs: 0,
  toUs: 0,
  sinceMs: Number.POSITIVE_INFINITY,
}

export class Batcher {
  readonly #cutter: Cutter
  readonly #writer: BatchWriter
  readonly #ageMs: number | null
  #timer: NodeJS.Timeout | null = null
  #skip: number
  /** They go with the next batch. */
  #peerEvents: PeerEvent[] = []

  constructor(options: BatcherOptions) {
    this.#cutter = new Cutter(options.sessionsMax ?? BATCH_SESSIONS_MAX, (cut) => this.#hold(cut))
    this.#writer = new BatchWriter(options)
    this.#ageMs = options.ageMs
    this.#skip = options.skipBatches ?? 0
  }

  add(session: Session): void {
    this.#cutter.add(session)
    if (this.#cutter.sessions > 0) this.#cutLater()
  }

  #cutLater(): void {
    if (this.#timer === null && this.#ageMs !== null)
      this.#timer = setTimeout(() => this.#cut(), this.#ageMs)
  }

  /** All that waits. */
  #cut(): void {
    if (this.#cutter.sessions > 0) this.#cutter.cut()
    else if (this.#peerEvents.length > 0) this.#hold(EMPTY_CUT)
  }

  addPeerEvents(events: readonly PeerEvent[]): void {
    for (const event of events) this.#peerEvents.push(event)
    if (this.#peerEvents.length > 0) this.#cutLater()
    while (this.#peerEvents.length >= BATCH_PEER_EVENTS_MAX) this.#cut()
  }

  /** Sessions that are not on disk yet. */
  get heldSessions(): number {
    return this.#cutter.sessions + this.#writer.heldSessions
  }

  /** Sessions that are neither on disk nor in the batch that is being made: the earliest start, and since when; or Infinity. */
  get waiting(): { readonly fromMs: number; readonly sinceMs: number } {
    const cuts = this.#writer.waiting.filter(({ sessions }) => sessions > 0)
    const all = [this.#cutter.held, ...cuts]
    return {
      fromMs: Math.min(...all.map(({ fromUs }) => fromUs)) / 1e3,
      sinceMs: Math.min(...all.map(({ sinceMs }) => sinceMs)),
    }
  }

  /** A batch without sessions, for its report and gaps. */
  heartbeat(): void {
    if (this.#cutter.sessions > 0 || this.#writer.heldBatches > 0) return
    this.#hold(EMPTY_CUT)
  }

  /** Resolves when a reader that can wait may go on. */
  drained(): Promise<void> {
    return this.#writer.drained()
  }

  /** The same for one that cannot wait for ever; see BatchWriter. */
  relieved(): Promise<void> {
    return this.#writer.relieved()
  }

  /** Resolves when everything added so far is durable, or was given up by abandon(). */
  flush(): Promise<void> {
    this.#cut()
    return this.#writer.flush()
  }

  /** From now on what the disk refuses is not tried again but counted as lost; what it takes is not lost. */
  abandon(): void {
    this.#writer.abandon()
  }

  #hold(cut: Cut): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#skip > 0) {
      this.#skip--
      return
    }
    const peerEvents = this.#peerEvents.splice(0, BATCH_PEER_EVENTS_MAX)
    this.#writer.hold(peerEvents.length === 0 ? cut : { ...cut, peerEvents })
    if (this.#peerEvents.length > 0) this.#cutLater()
  }
}
