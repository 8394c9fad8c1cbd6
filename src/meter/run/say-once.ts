/** Decides when to log a repeated failure: when it begins, when it changes and when it is over. */
export class SayOnce {
  #said: string | null = null

  get isTroubled(): boolean {
    return this.#said !== null
  }

  /** @returns true when the problem differs from the last one */
  begins(problem: string): boolean {
    if (this.#said === problem) return false
    this.#said = problem
    return true
  }

  /** @returns true when there was a problem */
  isOver(): boolean {
    const was = this.#said !== null
    this.#said = null
    return was
  }
}

const AGAIN_MS = 3_600_000
const TEXTS_MAX = 16

/** Decides when to log a problem that many things may share: for the first, then hourly; at most 16 texts an hour. */
export class SayEach {
  readonly #nowMs: () => number
  readonly #said = new Map<string, number>()

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs
  }

  /** @param text texts that differ only in numbers count as the same */
  isNew(text: string): boolean {
    const now = this.#nowMs()
    for (const [old, atMs] of this.#said) if (now - atMs >= AGAIN_MS) this.#said.delete(old)
    const key = text.replace(/\d+/g, '#')
    if (this.#said.has(key) || this.#said.size >= TEXTS_MAX) return false
    this.#said.set(key, now)
    return true
  }
}
