/**
 * Merges bursts: sessions from one source address to one destination, protocol and resource become
 * one record with `connectionCount`, if at most 5 s are between the end of one and the start of the
 * next. Off by default.
 *
 * In: ended sessions in any order. Out: merged sessions, once no short session can join them, at
 * the bound, or at the end. A session that runs much longer than the others of its burst may come
 * after they were emitted. It then stays alone: nothing is lost, only less is merged.
 */
import type { Session } from './session.js'
import { SUMMED_FIELDS } from './session-table.js'

export const CONSOLIDATE_GAP_US = 5_000_000
const EXPIRE_AFTER_MS = (2 * CONSOLIDATE_GAP_US) / 1000
/** The most waiting bursts. At the bound the one that waited longest is emitted. */
export const CONSOLIDATE_MAX = 65_536

interface Burst {
  readonly session: Session
  /** Time at which its latest session was added. */
  readonly addedMs: number
}

export class Consolidator {
  readonly #emit: (session: Session) => void
  readonly #max: number
  /** In order of the latest change, so the first has waited longest. */
  readonly #bursts = new Map<string, Burst>()

  constructor(emit: (session: Session) => void, max: number = CONSOLIDATE_MAX) {
    this.#emit = emit
    this.#max = max
  }

  /** @param nowMs time on the clock of expire() */
  add(session: Session, nowMs = 0): void {
    const key = keyOf(session)
    const burst = this.#bursts.get(key)?.session
    this.#bursts.delete(key)
    const [done, kept] = joined(burst, session)
    if (done !== null) this.#emit(done)
    this.#bursts.set(key, { session: kept, addedMs: nowMs })
    if (this.#bursts.size > this.#max) this.#leave(this.#bursts.keys().next().value!)
  }

  /**
   * Emits bursts without a new session for 10 s. Sessions of a burst end in the same way, so they
   * are reported equally late after their end. So a session that starts within the gap and lasts at
   * most that long has come by then.
   */
  expire(nowMs: number): void {
    for (const [key, { addedMs }] of this.#bursts) {
      if (nowMs - addedMs <= EXPIRE_AFTER_MS) return
      this.#leave(key)
    }
  }

  /** The earliest start of a session that waits; Infinity: none does. */
  get fromUs(): number {
    let fromUs = Number.POSITIVE_INFINITY
    for (const { session } of this.#bursts.values()) fromUs = Math.min(fromUs, session.startTimeUs)
    return fromUs
  }

  end(): void {
    for (const key of [...this.#bursts.keys()]) this.#leave(key)
  }

  #leave(key: string): void {
    const { session } = this.#bursts.get(key)!
    this.#bursts.delete(key)
    this.#emit(session)
  }
}

/** The session to emit, if any, and the session that continues to wait. */
function joined(burst: Session | undefined, session: Session): [Session | null, Session] {
  if (burst === undefined) return [null, session]
  if (isNear(burst, session)) return [null, merge(burst, session)]
  return burst.startTimeUs <= session.startTimeUs ? [burst, session] : [session, burst]
}

function keyOf(s: Session): string {
  return `${s.protocol} ${s.sourceIp} ${s.destIp} ${s.destPort} ${s.siteResourceId}`
}

function isNear(a: Session, b: Session): boolean {
  const [first, second] = a.startTimeUs <= b.startTimeUs ? [a, b] : [b, a]
  return second.startTimeUs - first.endTimeUs <= CONSOLIDATE_GAP_US
}

function summed(a: Session, b: Session): Partial<Session> {
  return Object.fromEntries(SUMMED_FIELDS.map((name) => [name, a[name] + b[name]]))
}

/** The earlier session with the other's traffic added. It ends like the one that ended last. */
function merge(a: Session, b: Session): Session {
  const first = a.startTimeUs <= b.startTimeUs ? a : b
  const last = a.endTimeUs > b.endTimeUs ? a : b
  return {
    ...first,
    endTimeUs: last.endTimeUs,
    endReason: last.endReason,
    connState: last.connState,
    ...summed(a, b),
    tcpFlagsTx: a.tcpFlagsTx | b.tcpFlagsTx,
    tcpFlagsRx: a.tcpFlagsRx | b.tcpFlagsRx,
    midstream: a.midstream || b.midstream,
  }
}
