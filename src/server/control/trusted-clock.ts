/**
 * The time by which sessions are deleted and refused for their age.
 *
 * The wall clock of a host may be wrong: a board without a battery starts in 1970, a machine that was suspended, or an
 * operator, sets it months ahead. By such a clock retention would delete a whole log, and ingest would refuse all that
 * comes. So the wall clock is believed only while it agrees, within a day, with the last time that was believed plus the
 * time that has passed since on the monotonic clock. The last time believed is on disk and outlives a restart. After a
 * disagreement the believed time goes on by the monotonic clock until a meter, whose clock is another one, reports a
 * time within a day of the wall clock: then the wall clock is right, and the server was merely off for long.
 */

const DAY_MS = 86400e3

export interface TrustedClockOptions {
  readonly wallMs: () => number
  readonly monotonicMs: () => number
  /** The last time believed, from before a restart; undefined: the wall clock is believed. */
  readonly lastMs: number | undefined
}

export class TrustedClock {
  readonly #wallMs: () => number
  readonly #monotonicMs: () => number
  #believedMs: number
  /** On the monotonic clock, when that was. */
  #atMs: number

  constructor({ wallMs, monotonicMs, lastMs }: TrustedClockOptions) {
    this.#wallMs = wallMs
    this.#monotonicMs = monotonicMs
    this.#atMs = monotonicMs()
    this.#believedMs = lastMs ?? wallMs()
  }

  /** The wall clock's time where it is believed; else the last believed time and what has passed since. */
  nowMs(): number {
    const wall = this.#wallMs()
    const expected = this.#expectedMs()
    if (Math.abs(wall - expected) > DAY_MS) return expected
    this.#believe(wall)
    return wall
  }

  /** By how much the wall clock is ahead of the believed time; 0 where it is believed. */
  get disagreementMs(): number {
    const ahead = this.#wallMs() - this.#expectedMs()
    return Math.abs(ahead) > DAY_MS ? ahead : 0
  }

  /**
   * Takes the time at which a meter made a report.
   * @returns by how much the wall clock was ahead before, when this confirmed it; else 0
   */
  confirm(reportedMs: number): number {
    const ahead = this.disagreementMs
    const wall = this.#wallMs()
    if (ahead === 0 || Math.abs(reportedMs - wall) > DAY_MS) return 0
    this.#believe(wall)
    return ahead
  }

  #expectedMs(): number {
    return this.#believedMs + this.#monotonicMs() - this.#atMs
  }

  #believe(wallMs: number): void {
    this.#believedMs = wallMs
    this.#atMs = this.#monotonicMs()
  }
}
