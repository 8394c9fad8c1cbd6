/**
 * Times that this machine's clock has passed over: it was set forward, or the machine slept. What the log has of them is
 * not all that there was.
 */
import type { BatchGap } from '../../session/batch.js'

/** What corrects a clock in small steps stays below it. */
const STEP_MS = 1_000

export class ClockSteps {
  #nowMs: number
  #steadyMs: number

  constructor(nowMs = Date.now(), steadyMs = performance.now()) {
    this.#nowMs = nowMs
    this.#steadyMs = steadyMs
  }

  /** The time that was passed over since the last call. @param steadyMs of a clock that nobody sets */
  check(nowMs = Date.now(), steadyMs = performance.now()): BatchGap | null {
    const expectedMs = this.#nowMs + (steadyMs - this.#steadyMs)
    this.#nowMs = nowMs
    this.#steadyMs = steadyMs
    if (nowMs - expectedMs < STEP_MS) return null
    const from = new Date(expectedMs).toISOString()
    return { reason: 'clockStepped', sessions: 0, from, to: new Date(nowMs).toISOString() }
  }
}
