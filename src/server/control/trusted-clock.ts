/**
 * The clock that decides which sessions are too old: retention deletes by it, and ingest refuses by it.
 *
 * A host's wall clock may be wrong: a board without a battery starts in 1970, an operator may set a clock months ahead.
 * With such a clock, retention would delete all sessions, and ingest would refuse all new ones. So the wall clock is
 * trusted only within a day of the expected time: the last trusted time plus the time that passed since on the
 * monotonic clock. The last trusted time is on disk, so it survives a restart. Without trust, the expected time counts.
 * The wall clock is trusted again when a meter reports a time within a day of it: then the server was only off for
 * long.
 */

const DAY_MS = 86400e3

export interface TrustedClockOptions {
  readonly wallMs: () => number
  readonly monotonicMs: () => number
  /** The last trusted time, from before a restart; undefined: the wall clock is trusted. */
  readonly lastMs: number | undefined
}

export class TrustedClock {
  readonly #wallMs: () => number
  readonly #monotonicMs: () => number
  #believedMs: number
  /** The monotonic clock's time at #believedMs. */
  #atMs: number

  constructor({ wallMs, monotonicMs, lastMs }: TrustedClockOptions) {
    this.#wallMs = wallMs
    this.#monotonicMs = monotonicMs
    this.#atMs = monotonicMs()
    this.#believedMs = lastMs ?? wallMs()
  }

  /** The wall clock's time if it is trusted, else the expected time. */
  nowMs(): number {
    const wall = this.#wallMs()
    const expected = this.#expectedMs()
    if (Math.abs(wall - expected) > DAY_MS) return expected
    this.#believe(wall)
    return wall
  }

  /** Milliseconds that the wall clock is ahead of the expected time (negative: behind); 0 while it is trusted. */
  get disagreementMs(): number {
    const ahead = this.#wallMs() - this.#expectedMs()
    return Math.abs(ahead) > DAY_MS ? ahead : 0
  }

  /**
   * Takes the time of a meter's report.
   * @returns disagreementMs as it was, if this report confirmed the wall clock; else 0
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
