/**
 * Computes the time up to which a report claims to be whole: everything that the interface metered before it is in the
 * batch being made or an earlier one, or is reported as lost. Once it is stored, a kill loses only later packets.
 *
 *   ----- whole -----|---- may be in the flow table, or held ----| now
 *
 * With interim records no packet waits in the flow table longer than the active timeout. Without them a session waits
 * there from its start; the epoch of the oldest open session tells the earliest start. The answer decreases only with
 * a clock that is set back, because the times before it pass again.
 */

/** Sessions that have left the flow table and are in no batch yet. Both are Infinity when there are none. */
export interface Held {
  /** When the first of them left the table. */
  readonly sinceMs: number
  /** Their earliest start. */
  readonly fromMs: number
}

export const NOTHING_HELD: Held = {
  sinceMs: Number.POSITIVE_INFINITY,
  fromMs: Number.POSITIVE_INFINITY,
}

export function heldTogether(a: Held, b: Held): Held {
  return { sinceMs: Math.min(a.sinceMs, b.sinceMs), fromMs: Math.min(a.fromMs, b.fromMs) }
}

export interface WholeInput {
  /** All records that the engine made before this time were taken; Infinity once it has ended. */
  readonly givenMs: number
  readonly nowMs: number
  /** The same moment by a monotonic clock. */
  readonly steadyMs: number
  /** Records were lost and no gap reports them yet. */
  readonly lossUnsaid: boolean
  readonly openSessions: number
  readonly oldestEpoch: number
  readonly held: Held
  /** The earliest start of a session that is only in an hourly sum not handed over yet. */
  readonly sumsFromMs: number
}

/** A record arrives at most this long after it is due. */
const LATE_MS = 2_000
/** A smaller step of the clock is within LATE_MS. */
const SET_BACK_MS = 1_000
/** Epochs that begin less than 60 s apart count as one. */
const EPOCH_MS = 60_000
/** 30 days. While a session of an older epoch is open, the answer stays where it is. */
const EPOCHS_MAX = 43_200

export class WholeUntil {
  readonly #activeTimeoutMs: number
  /** Ascending. */
  readonly #epochs: { readonly epoch: number; atMs: number }[] = []
  #reachedMs: number
  /** The clock minus the monotonic clock. Undefined: not known yet. */
  #offsetMs: number | undefined

  /** @param activeTimeoutMs 0: no interim records */
  constructor(activeTimeoutMs: number, nowMs: number) {
    this.#activeTimeoutMs = activeTimeoutMs
    this.#reachedMs = nowMs
  }

  epochBegins(epoch: number, nowMs: number): void {
    if (this.#activeTimeoutMs > 0) return
    const last = this.#epochs.at(-1)
    if (last !== undefined && nowMs - last.atMs < EPOCH_MS) return
    this.#epochs.push({ epoch, atMs: nowMs })
    if (this.#epochs.length > EPOCHS_MAX) this.#epochs.shift()
  }

  /** The last answer. A record that is lost later, or whose loss is not reported yet, holds only later packets. */
  get reachedMs(): number {
    return this.#reachedMs
  }

  reaches(input: WholeInput): number {
    const offsetMs = input.nowMs - input.steadyMs
    const setBackMs = (this.#offsetMs ?? offsetMs) - offsetMs
    this.#offsetMs = offsetMs
    if (setBackMs > SET_BACK_MS) this.#setBack(setBackMs, input)
    if (input.lossUnsaid) return this.#reachedMs
    const wholeMs = this.#whole(input)
    if (wholeMs > this.#reachedMs) this.#reachedMs = wholeMs
    return this.#reachedMs
  }

  #setBack(byMs: number, input: WholeInput): void {
    for (const epoch of this.#epochs) epoch.atMs -= byMs
    this.#reachedMs = Math.min(this.#reachedMs, this.#whole(input))
  }

  #whole(input: WholeInput): number {
    const { givenMs, nowMs, held, sumsFromMs } = input
    const ended = givenMs === Number.POSITIVE_INFINITY
    const takenMs = ended ? nowMs : Math.min(givenMs, nowMs) - LATE_MS
    return Math.min(
      takenMs,
      sumsFromMs,
      this.#activeTimeoutMs > 0 ? this.#byInterim(takenMs, input) : this.#byStart(input),
      held.sinceMs,
    )
  }

  #byInterim(takenMs: number, { openSessions, held }: WholeInput): number {
    if (openSessions === 0 && held.sinceMs === Number.POSITIVE_INFINITY) return takenMs
    return Math.min(takenMs, held.sinceMs) - this.#activeTimeoutMs
  }

  #byStart({ openSessions, oldestEpoch, held }: WholeInput): number {
    if (openSessions === 0) return held.fromMs
    while (this.#epochs.length > 1 && this.#epochs[1]!.epoch <= oldestEpoch) this.#epochs.shift()
    const [oldest] = this.#epochs
    const startedMs = oldest !== undefined && oldest.epoch <= oldestEpoch ? oldest.atMs : 0
    return Math.min(held.fromMs, startedMs)
  }
}
