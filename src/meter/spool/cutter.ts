/**
 * Sessions in, cuts out: the JSON of as many sessions as one batch takes. Nothing else decides where a batch ends than
 * the sessions themselves, so that the same ones are always cut in the same places; who wants one earlier takes it.
 */
import { asciiBytes, ByteWriter } from '../../base/byte-writer.js'
import { BATCH_BYTES_MAX, BATCH_SESSIONS_MAX } from '../../session/batch.js'
import type { PeerEvent } from '../../session/peer-event.js'
import type { Session } from '../../session/session.js'
import { writeSession } from './session-json.js'

/** The envelope of a batch: report and gaps. 256 gaps of 200 bytes and a report of a few KiB fit. */
const ENVELOPE_BYTES = 128 * 1024
const COMMA = asciiBytes(',')

export interface Cut {
  /** JSON of the sessions, with commas between. */
  readonly json: Uint8Array
  readonly sessions: number
  readonly fromUs: number
  readonly toUs: number
  /** When its first session came. */
  readonly sinceMs: number
  /** Added by the batcher. */
  readonly peerEvents?: readonly PeerEvent[]
}

export class Cutter {
  readonly #sessionsMax: number
  readonly #onCut: (cut: Cut) => void
  /** Of the sessions that are in no cut yet, a comma after each. */
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

  /** Of these: the earliest start, and when the first came; Infinity: there are none. */
  get held(): Pick<Cut, 'fromUs' | 'sinceMs'> {
    return { fromUs: this.#fromUs, sinceMs: this.#sinceMs }
  }

  add(session: Session): void {
    const before = this.#json.length
    writeSession(this.#json, session)
    this.#json.bytes(COMMA)
    if (this.#json.length > BATCH_BYTES_MAX - ENVELOPE_BYTES) this.cut(before)
    if (this.#sessions++ === 0) this.#sinceMs = Date.now()
    if (session.startTimeUs < this.#fromUs) this.#fromUs = session.startTimeUs
    if (session.endTimeUs > this.#toUs) this.#toUs = session.endTimeUs
    if (this.#sessions >= this.#sessionsMax) this.cut()
  }

  /** What there is, if there is anything. @param bytes of #json that belong to the sessions counted so far */
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
