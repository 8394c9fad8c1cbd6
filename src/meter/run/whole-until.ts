/**
 * Up to when all that one interface metered is in the batch that is being made, or in those before it: what a kill at
 * this moment would not lose.
 *
 *   ----- whole -----|---- may be in the flow table, or held ----| now
 *
 * With interim records no packet waits longer than the active timeout in the table. Without them a session waits from
 * its start: the time at which the epoch of the oldest open one began is known. The answer never falls.
 */

/** What has left the table and is in no batch yet; both Infinity: nothing. */
export interface Held {
  /** Since when. */
  readonly sinceMs: number
  /** The earliest start of a session in it. */
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
  /** The engine's records were taken up to then; Infinity: it has ended, and all are. */
  readonly givenMs: number
  readonly nowMs: number
  /** Records were lost on the way of which no gap tells yet: what was in them is not safe. */
  readonly lossUnsaid: boolean
  readonly openSessions: number
  readonly oldestEpoch: number
  readonly held: Held
  /** The earliest start of a session whose hourly sum was not given since. */
  readonly sumsFromMs: number
}

/** From the time at which a record is due until it is here. */
const LATE_MS = 2_000
/** Epochs that begin within this count as one. */
const EPOCH_MS = 60_000
/** A month of them; a session that is older counts from the interface's beginning. */
const EPOCHS_MAX = 43_200

export class WholeUntil {
  readonly #activeTimeoutMs: number
  /** Ascending. */
  readonly #epochs: { readonly epoch: number; readonly atMs: number }[] = []
  #reachedMs: number

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

  /** A record that is lost from now on, or by a loss that is not said yet, holds nothing of before. */
  get reachedMs(): number {
    return this.#reachedMs
  }

  reaches(input: WholeInput): number {
    const { givenMs, nowMs, held, sumsFromMs, lossUnsaid } = input
    if (lossUnsaid) return this.#reachedMs
    const ended = givenMs === Number.POSITIVE_INFINITY
    const takenMs = ended ? nowMs : Math.min(givenMs, nowMs) - LATE_MS
    const wholeMs = Math.min(
      takenMs,
      sumsFromMs,
      this.#activeTimeoutMs > 0 ? this.#byInterim(takenMs, input) : this.#byStart(input),
      held.sinceMs,
    )
    if (wholeMs > this.#reachedMs) this.#reachedMs = wholeMs
    return this.#reachedMs
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
