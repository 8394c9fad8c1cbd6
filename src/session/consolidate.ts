/**
 * Merges bursts: sessions of one source address to one destination, protocol and resource, with at most 5 s between
 * the end of one and the start of the next, become one record with `connectionCount`. Off by default.
 *
 * In: ended sessions in any order. Out: merged ones, when nothing short can join them any more, at the bound, or at
 * the end. A session that runs much longer than the others of its burst may come after they have left, and then
 * stands for itself: nothing is lost, it is only less merged.
 */
import type { Session } from './session.js'
import { SUMMED_FIELDS } from './session-table.js'

export const CONSOLIDATE_GAP_US = 5_000_000
/** Waiting bursts; the one that has waited longest leaves first. */
export const CONSOLIDATE_MAX = 65_536

export class Consolidator {
  readonly #emit: (session: Session) => void
  readonly #max: number
  readonly #waitUs: number
  /** In order of the latest change, so that the first has waited longest. */
  readonly #bursts = new Map<string, Session>()

  /**
   * @param reportDelayUs A session is added at most this long after its end, because it ends by silence. Only expire()
   *   waits for it.
   */
  constructor(
    emit: (session: Session) => void,
    { max = CONSOLIDATE_MAX, reportDelayUs = 0 }: { max?: number; reportDelayUs?: number } = {},
  ) {
    this.#emit = emit
    this.#max = max
    this.#waitUs = 2 * CONSOLIDATE_GAP_US + reportDelayUs
  }

  add(session: Session): void {
    const key = keyOf(session)
    const burst = this.#bursts.get(key)
    this.#bursts.delete(key)
    if (burst === undefined) this.#bursts.set(key, session)
    else if (isNear(burst, session)) this.#bursts.set(key, merge(burst, session))
    else {
      const [older, newer] =
        burst.startTimeUs <= session.startTimeUs ? [burst, session] : [session, burst]
      this.#emit(older)
      this.#bursts.set(key, newer)
    }
    if (this.#bursts.size > this.#max) this.#leave(this.#bursts.keys().next().value!)
  }

  /**
   * Lets go of what no session can join that starts within the gap, lasts as long as the gap at most, and is added in
   * time.
   */
  expire(nowUs: number): void {
    for (const [key, burst] of this.#bursts) {
      if (nowUs - burst.endTimeUs > this.#waitUs) this.#leave(key)
    }
  }

  end(): void {
    for (const key of [...this.#bursts.keys()]) this.#leave(key)
  }

  #leave(key: string): void {
    const burst = this.#bursts.get(key)!
    this.#bursts.delete(key)
    this.#emit(burst)
  }
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

/** The earlier one, with the other's traffic added; it ends as the one that ended last. */
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
