/**
 * Collects the JSON of as many sessions as one batch may hold. Only the sessions decide where a cut ends, because a
 * replay of the same sessions must cut them at the same places. cut() ends one earlier.
 */
import { asciiBytes, ByteWriter } from '../../base/byte-writer.js'
import { BATCH_BYTES_MAX, BATCH_SESSIONS_MAX } from '../../session/batch.js'
import type { PeerEvent } from '../../session/peer-event.js'
import type { Session } from '../../session/session.js'
import { writeSession } from './session-json.js'

/** Room for the rest of a batch: 256 gaps of 200 bytes each (50 KiB) and a report of a few KiB fit. */
const ENVELOPE_BYTES = 128 * 1024
/** The JSON of sessions and peer events of one batch. */
export const CONTENT_BYTES_MAX = BATCH_BYTES_MAX - ENVELOPE_BYTES
const COMMA = asciiBytes(',')

export interface Cut {
  /** The sessions as JSON, separated by commas. */
  readonly json: Uint8Array
  readonly sessions: number
  readonly fromUs: number
  readonly toUs: number
  /** When the first session was added. */
  readonly sinceMs: number
  /** Added by the batcher. */
  readonly peerEvents?: readonly PeerEvent[]
}

export class Cutter {
  readonly #sessionsMax: number
  readonly #onCut: (cut: Cut) => void
  /** JSON of the sessions that are in no cut yet, each followed by a comma. */
  readonly #json = new ByteWriter()
  #sessions = 0
  #fromUs = Number.POSITIVE_INFINITY
  #toUs = Number.NEGATIVE_INFINITY
  #sinceMs = Number.POSITIVE_INFINITY

  constructor(sessionsMax: number, onCut: (cut: Cut) => void) {
    this.#sessionsMax = Math.min(sessionsMax, BATCH_SESSIONS_MAX)
    this.#onCut = onCut
  }

  /** Sessions that are in no cut yet. */
  get sessions(): number {
    return this.#sessions
  }

  /** Their earliest start, and when the first was added; both Infinity without sessions. */
  get held(): Pick<Cut, 'fromUs' | 'sinceMs'> {
    return { fromUs: this.#fromUs, sinceMs: this.#sinceMs }
  }

  add(session: Session): void {
    const before = this.#json.length
    writeSession(this.#json, session)
    this.#json.bytes(COMMA)
    if (this.#json.length > CONTENT_BYTES_MAX) this.cut(before)
    if (this.#sessions++ === 0) this.#sinceMs = Date.now()
    if (session.startTimeUs < this.#fromUs) this.#fromUs = session.startTimeUs
    if (session.endTimeUs > this.#toUs) this.#toUs = session.endTimeUs
    if (this.#sessions >= this.#sessionsMax) this.cut()
  }

  /** Cuts here, unless there are no sessions. @param bytes length of the JSON in #json that goes into this cut */
  cut(bytes = this.#json.length): void {
    if (this.#sessions === 0) return
    const json = this.#json.take(bytes)
    const cut = {
      json: json.subarray(0, -COMMA.length),
      sessions: this.#sessions,
      fromUs: this.#fromUs,
      toUs: this.#toUs,
      sinceMs: this.#sinceMs,
    }
    this.#sessions = 0
    this.#fromUs = Number.POSITIVE_INFINITY
    this.#toUs = Number.NEGATIVE_INFINITY
    this.#sinceMs = Number.POSITIVE_INFINITY
    this.#onCut(cut)
  }
}
