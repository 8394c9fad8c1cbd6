/**
 * Puts sessions into the spool as batches: a cutter and a writer.
 *
 * A batch is cut at BATCH_SESSIONS_MAX sessions, just below BATCH_BYTES_MAX of JSON (cutter.ts), or when its first
 * session or peer event has waited `ageMs`. add() never waits; batch-writer.ts writes the cuts.
 */
import { BATCH_SESSIONS_MAX } from '../../session/batch.js'
import { BATCH_PEER_EVENTS_MAX, type PeerEvent } from '../../session/peer-event.js'
import type { Session } from '../../session/session.js'
import { BatchWriter, type BatchWriterOptions } from './batch-writer.js'
import { CONTENT_BYTES_MAX, type Cut, Cutter } from './cutter.js'

export interface BatcherOptions extends BatchWriterOptions {
  /** Null: only size cuts a batch, because a replay of the same input must make the same batches. */
  readonly ageMs: number | null
  readonly sessionsMax?: number
  /** A replay discards this many first batches, because they are known to be stored or spooled already. */
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
  /** Sent with the next batch. */
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

  /** Cuts the waiting sessions; without any, makes a batch of the waiting peer events. */
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

  /**
   * The sessions that are neither on disk nor in the batch that is being written: their earliest start, and when the
   * first of them was added. Both are Infinity when there are none.
   */
  get waiting(): { readonly fromMs: number; readonly sinceMs: number } {
    const cuts = this.#writer.waiting.filter(({ sessions }) => sessions > 0)
    const all = [this.#cutter.held, ...cuts]
    return {
      fromMs: Math.min(...all.map(({ fromUs }) => fromUs)) / 1e3,
      sinceMs: Math.min(...all.map(({ sinceMs }) => sinceMs)),
    }
  }

  /** Makes a batch without sessions for its report and gaps, unless another batch is about to carry them. */
  heartbeat(): void {
    if (this.#cutter.sessions > 0 || this.#writer.heldBatches > 0) return
    this.#hold(EMPTY_CUT)
  }

  /** Backpressure for a source that can wait; see BatchWriter. */
  drained(): Promise<void> {
    return this.#writer.drained()
  }

  /** Backpressure for a source that cannot wait for ever; see BatchWriter. */
  relieved(): Promise<void> {
    return this.#writer.relieved()
  }

  /** Resolves when every session added so far is durable, or was given up after abandon(). */
  flush(): Promise<void> {
    this.#cut()
    return this.#writer.flush()
  }

  /** From now on a failed write is not tried again: its batch counts as lost. */
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
    const room = CONTENT_BYTES_MAX - cut.json.length
    const peerEvents = this.#peerEvents.splice(0, fitting(this.#peerEvents, room))
    this.#writer.hold(peerEvents.length === 0 ? cut : { ...cut, peerEvents })
    if (this.#peerEvents.length > 0) this.#cutLater()
  }
}

/** How many of the events fit beside a batch's sessions. The others wait for the next batch. */
function fitting(events: readonly PeerEvent[], room: number): number {
  let left = room
  const first = events.slice(0, BATCH_PEER_EVENTS_MAX)
  const over = first.findIndex((event) => {
    left -= Buffer.byteLength(JSON.stringify(event)) + 1
    return left < 0
  })
  return over === -1 ? first.length : over
}
