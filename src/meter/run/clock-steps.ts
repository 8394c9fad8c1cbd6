/**
 * Detects times that this machine's clock skipped, because it was set forward or the machine slept. The log of such a
 * time is incomplete.
 */
import type { BatchGap } from '../../session/batch.js'

/** Above the steps of a daemon that corrects the clock little by little. */
const STEP_MS = 1_000

export class ClockSteps {
  #nowMs: number
  #steadyMs: number

  constructor(nowMs = Date.now(), steadyMs = performance.now()) {
    this.#nowMs = nowMs
    this.#steadyMs = steadyMs
  }

  /** A gap for the time skipped since the last call. @param steadyMs a monotonic clock */
  check(nowMs = Date.now(), steadyMs = performance.now()): BatchGap | null {
    const expectedMs = this.#nowMs + (steadyMs - this.#steadyMs)
    this.#nowMs = nowMs
    this.#steadyMs = steadyMs
    if (nowMs - expectedMs < STEP_MS) return null
    const from = new Date(expectedMs).toISOString()
    return { reason: 'clockStepped', sessions: 0, from, to: new Date(nowMs).toISOString() }
  }
}
